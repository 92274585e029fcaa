import type { Clock } from '../core/clock.ts';
import { type WeirError, weirErrorFrom } from '../core/errors.ts';
import type { Emission, Logger, Sink } from '../core/ports.ts';
import type { Position } from '../core/records.ts';
import type { OutputProducer } from './producer.ts';
import type { KafkaSource } from './source.ts';

/** What the sink writes through. */
export interface AtLeastOnceOptions {
  readonly producer: OutputProducer;
  readonly topics: readonly string[];
  /** Where the records come from. */
  readonly source: Pick<KafkaSource, 'commit' | 'owns' | 'rewind'>;
  /** Positions of acknowledged outputs are committed this often. */
  readonly commitIntervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Delivery at least once: outputs are acknowledged first, positions are committed after, every `commitIntervalMs` and
 * whenever `flush` is called. After a crash the records since the last commit are scored again, with the same
 * `predictionId` and the same score.
 */
export function createAtLeastOnceSink(options: AtLeastOnceOptions): Sink {
  const { producer, source, clock, logger } = options;
  let acknowledged = new Map<string, Position>();
  let committing: Promise<void> | undefined;
  let cancelTimer: (() => void) | undefined;
  let failure: WeirError | undefined;

  async function commitAcknowledged(): Promise<void> {
    const positions = [...acknowledged.values()];
    if (positions.length === 0) return;
    const taken = acknowledged;
    acknowledged = new Map();
    try {
      if (!(await source.commit(positions)))
        logger.info({ partitions: positions.length }, 'positions not committed: the group is rebalancing');
    } catch (thrown) {
      for (const [key, position] of taken) if (!acknowledged.has(key)) acknowledged.set(key, position);
      throw thrown;
    }
  }

  /** One commit at a time: a slow one must not be overtaken by a newer one and then win. */
  function commitNow(): Promise<void> {
    committing ??= commitAcknowledged().finally(() => {
      committing = undefined;
    });
    return committing;
  }

  function schedule(): void {
    cancelTimer ??= clock.after(options.commitIntervalMs, () => {
      cancelTimer = undefined;
      commitNow().then(
        () => {
          // Acknowledged while a slow commit was under way: no emission may follow that would schedule the next one.
          if (acknowledged.size > 0) schedule();
        },
        (thrown: unknown) => {
          const error = weirErrorFrom(thrown);
          // A missed commit loses nothing: the next one carries the newer positions. Anything else ends the pipeline at the next emission.
          if (error.kind === 'retriable') {
            logger.warn({ reason: error.message }, 'commit failed; it is tried again');
            schedule();
          } else failure = error;
        },
      );
    });
  }

  return {
    get failure() {
      return failure;
    },
    start: () => producer.start(options.topics),
    async emit({ outputs, positions }: Emission): Promise<boolean> {
      if (failure) throw failure;
      if (!positions.every((position) => source.owns(position))) {
        // It has waited for brokers that were away, and the group has gone on meanwhile: the new owner writes it. What is
        // still ours of it must not count as written.
        source.rewind();
        return false;
      }
      if (outputs.length > 0) await producer.send(outputs);
      for (const position of positions) acknowledged.set(`${position.partition} ${position.topic}`, position);
      if (acknowledged.size > 0) schedule();
      return true;
    },
    msUntilClosing: () => Number.POSITIVE_INFINITY,
    async flush(): Promise<void> {
      cancelTimer?.();
      cancelTimer = undefined;
      await committing?.catch(() => {}); // Reported by whoever started it; what matters now is the newest positions.
      await commitNow();
      if (failure) throw failure;
    },
    async close(): Promise<void> {
      cancelTimer?.();
      await producer.close();
    },
  };
}
