/**
 * Ends with code 7 while a run that never ends is under way in a thread. Started by `threads.test.ts`:
 * exit-in-run.ts <package> <folder that holds src> <ts, or js when it is built>
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createRowLayout } from '../../../src/core/layout.ts';
import { Rows } from '../../../src/core/rows.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import type * as ModelFolder from '../../../src/model/index.ts';

const [folder, root, ending] = process.argv.slice(2);
const { loadModel, readModelPackage } = (await import(pathToFileURL(join(root!, `src/model/index.${ending}`)).href)) as typeof ModelFolder;
const pkg = await readModelPackage(folder!);
const layout = createRowLayout(pkg.inputs, { entities: new Map() });
const model = await loadModel(pkg, layout, { logger: silentLogger, runtime: { threads: 1 }, runTimeoutMs: 2_000 });
const rows = new Rows(layout, 2);
rows.count = 2;
rows.floats[0]!.set([3, 1e15]);
const scores = model.createScores(2);
await model.run(rows, 0, 1, scores);
console.log(scores.score[0]);
await model.run(rows, 1, 2, scores).catch((thrown: unknown) => console.log(String(thrown)));
await model.close();
process.exit(7);
