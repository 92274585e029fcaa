import type { ChainableCommander } from 'ioredis';
import type { FeatureRow, FeatureWriter } from './feature-row.ts';
import { execute, type LayoutWriter } from './layouts/layout.ts';
import type { RedisConnection } from './redis-connection.ts';
import { storeErrorFrom } from './redis-errors.ts';

/** Rows of one pipeline: enough to hide the round trip, little enough to keep memory and Redis' reply buffers small. */
const ROWS_PER_PIPELINE = 1_000;

/**
 * Writes rows over a connection that has been started. Loading is a job of its own, so neither deadline nor breaker apply.
 * @param layoutFor makes the layout of a load; it is shown the first rows, whose features a packed row must know
 */
export function createRedisWriter(connection: RedisConnection, layoutFor: (rows: readonly FeatureRow[]) => LayoutWriter): FeatureWriter {
  const { address } = connection;

  async function send(pipeline: ChainableCommander): Promise<void> {
    const answers = await execute(pipeline).catch((thrown: unknown) => {
      throw storeErrorFrom(thrown, address);
    });
    for (const [error] of answers) if (error) throw storeErrorFrom(error, address);
  }

  return {
    async write(rows: Iterable<FeatureRow> | AsyncIterable<FeatureRow>, options = {}) {
      let layout: LayoutWriter | undefined;
      let written = 0;
      let pending: FeatureRow[] = [];
      const flush = async (): Promise<void> => {
        const pipeline = connection.redis.pipeline();
        if (!layout) {
          layout = layoutFor(pending);
          layout.prepare(pipeline);
        }
        for (const row of pending) layout.add(pipeline, row);
        await send(pipeline);
        written += pending.length;
        pending = [];
        options.onProgress?.(written);
      };
      for await (const row of rows) {
        pending.push(row);
        if (pending.length === ROWS_PER_PIPELINE) await flush();
      }
      if (pending.length > 0) await flush();
      return written;
    },
  };
}
