/** What runs in a thread of the model: a session of its own, which scores what lies in the shared memory, run by run. */
import { isDeepStrictEqual } from 'node:util';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { WeirError } from '../../core/errors.ts';
import { Rows, type Scores } from '../../core/rows.ts';
import { type OnnxModel, openModel } from '../onnx-model.ts';
import { readModelPackage } from '../package.ts';
import type { RunFit } from '../run-curve.ts';
import { identityOf, type ThreadReply, type ThreadRequest, type ThreadSetup } from './protocol.ts';
import { RunFrame, Slab } from './run-frame.ts';

const setup = workerData as ThreadSetup;
const port: MessagePort = parentPort!;
const tell = (reply: ThreadReply): void => port.postMessage(reply);
const tellFailure = (thrown: unknown): void =>
  tell({ kind: 'failed', message: (thrown as Error).message, code: thrown instanceof WeirError ? thrown.code : undefined });

try {
  await open();
} catch (thrown) {
  tellFailure(thrown);
}

async function open(): Promise<void> {
  const pkg = await readModelPackage(setup.folder);
  if (!isDeepStrictEqual(identityOf(pkg), setup.identity)) {
    throw new WeirError(
      'model_invalid',
      `${setup.folder} is not the package any more that this worker was started with; restart the worker to score with the new one, ` +
        'and give a new version a folder of its own.',
    );
  }
  const model = await openModel(pkg, setup.layout, setup.session);
  serve(model, setup.measure ? await model.fitRuns(pkg, setup.layout) : undefined);
}

function serve(model: OnnxModel, fit: RunFit | undefined): void {
  const { label, extras } = model.createScores(0);
  const shape = { label: label !== undefined, extras: extras.map(({ name, width }) => ({ name, width })) };
  const frame = new RunFrame(setup.layout, shape);
  let rows = new Rows(setup.layout, 0);
  let scores: Scores = model.createScores(0);
  let slab: Slab | undefined;
  let running = Promise.resolve();

  const run = async (count: number): Promise<ThreadReply> => {
    if (rows.capacity < count) {
      rows = new Rows(setup.layout, count);
      scores = model.createScores(count);
    }
    frame.takeRows(slab!, count, rows);
    await model.run(rows, 0, count, scores);
    return { kind: 'scored', labels: frame.putScores(scores, count, slab!) };
  };

  port.on('message', (request: ThreadRequest) => {
    if (request.kind === 'close') {
      void running.then(() => model.close()).then(() => port.close());
      return;
    }
    if (request.slab) slab = new Slab(request.slab);
    running = run(request.count).then(tell, tellFailure);
  });
  tell({ kind: 'ready', shape, runRows: model.runRows, fit });
}
