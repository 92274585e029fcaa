/** A thread of a model that dies of a run in which the first column of some row is 13, and takes the process of nobody with it. */
import { parentPort, workerData } from 'node:worker_threads';
import type { ThreadRequest, ThreadSetup } from '../../../src/model/threads/protocol.ts';

// First, so that what is said to a thread that is still starting waits for it.
await import('../../../src/model/threads/thread.ts');

const { layout } = workerData as ThreadSetup;
let shared: SharedArrayBuffer | undefined;
parentPort!.on('message', (request: ThreadRequest) => {
  if (request.kind !== 'run') return;
  shared = request.slab ?? shared;
  if (new Float32Array(shared!, 0, request.count * layout.floatWidths[0]!).includes(13)) throw new Error('thirteen');
});
