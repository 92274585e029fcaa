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
  /** Positions of acknowledged outputs are committed this often, with a closing emission. */
  readonly commitIntervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Delivery at least once: outputs are acknowledged first, positions are committed after, with every closing emission and
 * whenever `flush` is called. After a crash the records since the last commit are scored again, with the same
 * `predictionId` and the same score. Between closing emissions nothing is committed: a closing one has all that was counted for
 * drift, so no commit falls between records that are counted together, and what is scored again is counted once.
 */
export function createAtLeastOnceSink(options: AtLeastOnceOptions): Sink {
  const { producer, source, clock, logger } = options;
  /** Of emissions since the last closing one. */
  let open = new Map<string, Position>();
  let openedAtMs = 0;
  let acknowledged = new Map<string, Position>();
  /** How far the group's positions are. */
  const committed = new Map<string, Position>();
  let committing: Promise<void> | undefined;
  let cancelTimer: (() => void) | undefined;
  let failure: WeirError | undefined;

  async function commitAcknowledged(): Promise<void> {
    const positions = [...acknowledged.values()];
    if (positions.length === 0) return;
    const taken = acknowledged;
    acknowledged = new Map();
    try {
      const isDone = await source.commit(positions);
      // What is not ours any more was left out: its epoch is another by the time somebody asks.
      if (isDone) for (const position of positions) committed.set(keyOf(position), position);
      else logger.info({ partitions: positions.length }, 'positions not committed: the group is rebalancing');
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

  /** All that was emitted may be committed now, and is, beside the emissions that follow. */
  function close(): void {
    for (const [key, position] of open) acknowledged.set(key, position);
    open = new Map();
    if (acknowledged.size > 0 && !cancelTimer) commitBeside();
  }

  function commitBeside(): void {
    commitNow().then(
      () => {
        // Closed while a slow commit was under way: no emission may follow that would commit it.
        if (acknowledged.size > 0) commitBeside();
      },
      (thrown: unknown) => {
        const error = weirErrorFrom(thrown);
        // A missed commit loses nothing: the next one carries the newer positions. Anything else ends the pipeline at the next emission.
        if (error.kind === 'retriable') {
          logger.warn({ reason: error.message }, 'commit failed; it is tried again');
          cancelTimer ??= clock.after(options.commitIntervalMs, () => {
            cancelTimer = undefined;
            commitBeside();
          });
        } else failure = error;
      },
    );
  }

  return {
    get failure() {
      return failure;
    },
    start: () => producer.start(options.topics),
    async emit({ outputs, positions, isClosing }: Emission): Promise<boolean> {
      if (failure) throw failure;
      if (!positions.every((position) => source.owns(position))) {
        // It has waited for brokers that were away, and the group has gone on meanwhile: the new owner writes it. What is
        // still ours of it must not count as written.
        source.rewind();
        return false;
      }
      if (outputs.length > 0) await producer.send(outputs);
      if (open.size === 0) openedAtMs = clock.monotonicMs();
      for (const position of positions) open.set(keyOf(position), position);
      if (isClosing) close();
      return true;
    },
    committedWith(position) {
      const last = committed.get(keyOf(position));
      return last?.epoch === position.epoch ? last.nextOffset : -1;
    },
    msUntilClosing: (nowMs) => (open.size > 0 ? Math.max(0, openedAtMs + options.commitIntervalMs - nowMs) : Number.POSITIVE_INFINITY),
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

function keyOf({ topic, partition }: Position): string {
  return `${partition} ${topic}`;
}
