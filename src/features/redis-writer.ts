import type { ChainableCommander } from 'ioredis';
import type { FeatureRow, FeatureWriter } from './feature-row.ts';
import { execute, type LayoutWriter } from './layouts/layout.ts';
import type { RedisConnection } from './redis-connection.ts';
import { storeErrorFrom } from './redis-errors.ts';

/** Rows that are sent at a time: enough to hide the round trip, little enough to keep memory and Redis' reply buffers small. */
const ROWS_PER_FLUSH = 1_000;

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
        // All that is sent at a time goes to one server. In a cluster only the commands of one row do, and may be sent on to another.
        let pipeline = connection.redis.pipeline();
        const pipelines = [pipeline];
        const next = (): void => {
          if (connection.isCluster) pipelines.push((pipeline = connection.redis.pipeline()));
        };
        if (!layout) {
          layout = layoutFor(pending);
          layout.prepare(pipeline);
          next();
        }
        for (const row of pending) {
          layout.add(pipeline, row);
          next();
        }
        await Promise.all(pipelines.filter(({ length }) => length > 0).map(send));
        written += pending.length;
        pending = [];
        options.onProgress?.(written);
      };
      for await (const row of rows) {
        pending.push(row);
        if (pending.length === ROWS_PER_FLUSH) await flush();
      }
      if (pending.length > 0) await flush();
      return written;
    },
  };
}
