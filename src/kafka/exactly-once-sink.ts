import type { Clock } from '../core/clock.ts';
import { isRetriable, WeirError, weirErrorFrom } from '../core/errors.ts';
import type { Emission, Logger, Sink } from '../core/ports.ts';
import type { Position } from '../core/records.ts';
import { isFencedError, isUnknownMemberError } from './errors.ts';
import type { TopicLimits } from './produce-requests.ts';
import type { KafkaSource } from './source.ts';
import type { GroupMember, TransactionalProducer } from './transactional-producer.ts';

/** What the sink writes through. */
export interface ExactlyOnceOptions {
  /** Makes a producer with the transactional id of this worker. */
  readonly createProducer: () => Pick<TransactionalProducer, 'start' | 'begin' | 'write' | 'commit' | 'abort' | 'close'>;
  readonly limitsOf: (topic: string) => TopicLimits;
  /** Where the records come from: its group's offsets move in the same transactions. */
  readonly source: Pick<KafkaSource, 'member' | 'owns' | 'rewind' | 'committed'>;
  /** A transaction is committed this long after it was begun. */
  readonly commitIntervalMs: number;
  /** Told of the end of each transaction, so many seconds after its first write. */
  readonly onTransaction?: (outcome: 'committed' | 'given_up', seconds: number) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A transaction that is open. */
interface OpenTransaction {
  /** Under whose generation it was begun; the group's coordinator refuses offsets of any other. */
  readonly member: GroupMember;
  readonly startedMs: number;
  /** Where partitions stand once it is committed. */
  readonly positions: Map<string, Position>;
}

/** So many fences in `FENCE_WINDOW_MS` are not a worker that was replaced: two workers take the id from each other. */
const MAX_FENCES = 5;
const FENCE_WINDOW_MS = 60_000;

/** How long to wait before another producer is started beside the path. */
const RECONNECT_MS = 500;

/**
 * Delivery exactly once (KIP-98, KIP-447): predictions, dead letters, drift deltas and the offsets of the records they came
 * from are committed in one transaction every `commitIntervalMs`. Whoever reads with read_committed sees all of it or none.
 *
 * One rule for every error inside a transaction: throw the producer away, make a new one (which aborts what its
 * predecessor left open, and waits for what it was committing), and read again from what the group has committed. Whether
 * the transaction was committed need not be known. Emissions made before that are withdrawn, for their records come again.
 */
export function createExactlyOnceSink(options: ExactlyOnceOptions): Sink {
  const { source, clock, logger } = options;
  let producer: ReturnType<ExactlyOnceOptions['createProducer']> | undefined;
  let open: OpenTransaction | undefined;
  let connecting: Promise<void> | undefined;
  let cancelReconnect = (): void => {};
  let fencedAtMs: number[] = [];
  let failure: WeirError | undefined;
  let isClosed = false;
  let busy: Promise<void> = Promise.resolve();

  /** Resolves when there is a producer that is ready. */
  function connect(): Promise<void> {
    if (producer) return Promise.resolve();
    connecting ??= startProducer().finally(() => {
      connecting = undefined;
    });
    return connecting;
  }

  /**
   * Makes the next producer without waiting for an emission that needs it: only its start ends what the last one left
   * open, and until then the group's positions are not known (KIP-447).
   */
  function reconnect(): void {
    if (isClosed) return;
    connect().catch((thrown: unknown) => {
      const error = weirErrorFrom(thrown);
      if (isRetriable(error)) cancelReconnect = clock.after(RECONNECT_MS, reconnect);
      else failure ??= error;
    });
  }

  async function startProducer(): Promise<void> {
    const next = options.createProducer();
    try {
      await next.start();
    } catch (thrown) {
      close(next);
      throw thrown;
    }
    producer = next;
  }

  function close(old: { close(): Promise<void> }): void {
    old.close().catch((thrown: unknown) => logger.debug({ reason: String(thrown) }, 'a producer that is thrown away did not close'));
  }

  /** Gives the open transaction up: nothing of it will be seen, and its records are read again. */
  function giveUp(reason: string, isMemberLost = false): void {
    if (producer) close(producer);
    producer = undefined;
    ended('given_up');
    source.rewind(isMemberLost);
    reconnect();
    logger.warn({ reason }, 'transaction given up; reading again from the committed positions');
  }

  function ended(outcome: 'committed' | 'given_up'): void {
    if (open) options.onTransaction?.(outcome, (clock.monotonicMs() - open.startedMs) / 1000);
    open = undefined;
  }

  /** What an error inside a transaction means. @throws WeirError when waiting or another turn cannot cure it */
  function treat(thrown: unknown): void {
    const error = weirErrorFrom(thrown);
    if (isFencedError(thrown)) countFence(error);
    if (!isRetriable(error)) throw error;
    giveUp(error.message, isUnknownMemberError(thrown));
  }

  function countFence(cause: WeirError): void {
    const nowMs = clock.monotonicMs();
    fencedAtMs = [...fencedAtMs.filter((atMs) => nowMs - atMs < FENCE_WINDOW_MS), nowMs];
    if (fencedAtMs.length >= MAX_FENCES) {
      throw new WeirError(
        'transactional_id_shared',
        `${fencedAtMs.length} times in a minute another producer took over: ${cause.message}`,
        { cause },
      );
    }
  }

  async function write({ outputs, positions }: Emission, member: GroupMember): Promise<void> {
    if (!open) {
      await producer!.begin();
      open = { member, startedMs: clock.monotonicMs(), positions: new Map() };
    }
    if (outputs.length > 0) await producer!.write(outputs, options.limitsOf);
    for (const position of positions) open.positions.set(`${position.partition} ${position.topic}`, position);
  }

  async function commit(): Promise<void> {
    if (!open) return;
    const positions = [...open.positions.values()];
    await producer!.commit(open.member, positions);
    ended('committed');
    source.committed(positions);
  }

  /** False when the group has gone on since the transaction was begun, or since the emission was made. */
  function isCurrent({ positions }: Emission): boolean {
    const { member } = source;
    if (!member) return false;
    const isSameMember = !open || (open.member.generationId === member.generationId && open.member.memberId === member.memberId);
    return isSameMember && positions.every((position) => source.owns(position));
  }

  async function emit(emission: Emission): Promise<boolean> {
    const isEmpty = emission.outputs.length === 0 && emission.positions.length === 0;
    if (isEmpty && !open) return true;
    if (!isCurrent(emission)) {
      if (open) giveUp('the group has moved on');
      // What is still ours of it must not count as written.
      else if (!isEmpty) source.rewind();
      return isEmpty;
    }
    const { member } = source;
    // Nothing is open then, and its records are still ours: the first emission, or the first one after a turn was lost.
    await connect();
    try {
      await write(emission, member!);
      // Only then: it has the drift counts of all that is in the transaction.
      if (emission.isClosing) await commit();
    } catch (thrown) {
      treat(thrown);
      return false;
    }
    return true;
  }

  return {
    get failure() {
      return failure;
    },
    start: connect,
    emit(emission: Emission): Promise<boolean> {
      const emitted = emit(emission);
      busy = emitted.then(
        () => {},
        () => {},
      );
      return emitted;
    },
    // Outputs can be read once the transaction is committed, and its positions with them.
    committedWith: ({ nextOffset }) => nextOffset,
    msUntilClosing: (nowMs) => (open ? Math.max(0, open.startedMs + options.commitIntervalMs - nowMs) : Number.POSITIVE_INFINITY),
    async flush(): Promise<void> {
      try {
        await commit();
      } catch (thrown) {
        treat(thrown);
        throw new WeirError('kafka_unavailable', `The last transaction was not committed: ${weirErrorFrom(thrown).message}`, {
          cause: thrown,
        });
      }
    },
    async close(): Promise<void> {
      isClosed = true;
      cancelReconnect();
      await connecting?.catch(() => {}); // Whoever waits for it has the error.
      await busy; // An abort beside what is being written or committed would be an error of that.
      // Readers of the topics would wait for a transaction that is left open until it times out.
      if (open && producer) await producer.abort().catch((thrown: unknown) => logger.debug({ reason: String(thrown) }, 'not aborted'));
      await producer?.close();
      producer = undefined;
    },
  };
}
