import { z } from 'zod';
import { count, duration, path } from '../scalars.ts';

/** `model`: the model package. */
export const modelSection = z
  .strictObject({
    package: path().describe('Folder of the model package, with model.yaml in it.'),
    intraOpNumThreads: count(1, 256)
      .default(1)
      .describe('Threads of ONNX Runtime in one run. The unit of scaling is the partition, so 1 is right for most.'),
    runtime: z
      .union(
        [
          z.literal('inline'),
          z.strictObject({
            threads: count(1, 64).describe('Threads that score. Each has a session of its own, and one run at a time.'),
          }),
        ],
        { error: 'must be inline or {threads: <number>}' },
      )
      .default('inline')
      .describe(
        'Where the model runs: inline (on the event loop; cheapest for runs of a few milliseconds) or {threads: n} (beside it, for runs longer than about 20 ms). weir check says how long a run takes.',
      ),
    runTimeoutMs: duration(1)
      .prefault(30_000)
      .describe(
        'With threads: how long a run may take. After it the thread is given up and replaced, and the rows of the run are tried one by one; those that do not end again become dead letters (inference_abandoned).',
      ),
  })
  .describe('The model.');

/** `batch`: when a micro-batch is closed. */
export const batchSection = z
  .strictObject({
    maxRows: count(1, 65_536)
      .exactOptional()
      .describe(
        'Rows of a micro-batch at most; default: 4096, or half of flow.maxQueuedRows if that is less. Under backlog micro-batches grow to it as long as they keep targetMs.',
      ),
    targetMs: duration(1)
      .prefault(50)
      .describe(
        'Latency target: the longest time from closing a micro-batch to its scores. Full micro-batches that take longer make the next ones smaller.',
      ),
    maxBytes: count(1).default(1_048_576).describe('Bytes of a micro-batch (keys, values and headers).'),
    maxDelayMs: duration(0).prefault(10).describe('How long the oldest record of a micro-batch may wait.'),
    eager: z.boolean().default(true).describe('Close at once when the model is idle and nothing more is queued.'),
  })
  .prefault({})
  .describe('Micro-batches: closed by rows, bytes or delay, whichever comes first.');

/** `flow`: bounds of what is in memory. */
export const flowSection = z
  .strictObject({
    maxQueuedRows: count()
      .default(20_000)
      .describe('Rows fetched but not settled; above it partitions are paused. What is held is this and at most one fetch more.'),
    maxQueuedBytes: count()
      .default(33_554_432)
      .describe('Bytes fetched but not settled; above it partitions are paused. What is held is this and at most one fetch more.'),
    maxInFlightBatches: count(1, 1_024)
      .default(4)
      .describe('Micro-batches on their way at the same time. They are emitted in input order.'),
  })
  .prefault({})
  .describe('Back-pressure: bounds of what a worker holds in memory.');

/** `delivery`: what a prediction guarantees. */
export const deliverySection = z
  .strictObject({
    mode: z
      .enum(['exactly-once', 'at-least-once'])
      .default('exactly-once')
      .describe(
        'exactly-once: predictions, dead letters, drift counts and positions are committed in one Kafka transaction; consumers read with read_committed. at-least-once: outputs are acknowledged before the position is committed; a crash may repeat predictions, with the same predictionId.',
      ),
    commitIntervalMs: duration(1)
      .prefault(100)
      .describe(
        'Longest time between commits of settled positions; with at-least-once and drift not less than drift.flushIntervalMs. With exactly-once also the length of a transaction, which a prediction waits for before it is seen.',
      ),
    transactionalId: z
      .string()
      .min(1)
      .exactOptional()
      .describe(
        'exactly-once: identity of this worker’s transactions, such as "flights-${HOSTNAME}"; stable over restarts and different for each worker. Default: the consumer group, the host name and the first slot that is free on this host. weir run --workers adds the number of the worker: flights-a-0, flights-a-1.',
      ),
    transactionTimeoutMs: duration(1_000, 15_000)
      .prefault(10_000)
      .describe(
        'exactly-once: after this long the brokers abort the transaction of a worker that has died; until then its partitions wait.',
      ),
  })
  .prefault({})
  .describe('Delivery guarantee.');
