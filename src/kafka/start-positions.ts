import { type Clock, sleep } from '../core/clock.ts';
import { isRetriable } from '../core/errors.ts';
import type { Logger } from '../core/ports.ts';
import { isRebalanceError, weirErrorFromKafka } from './errors.ts';
import type { LogEnds } from './group-positions.ts';
import type { JoinedMember } from './protocol/group-hooks.ts';

/** How long to wait before positions are asked for again. */
const RETRY_MS = 250;

/** Where a member that has joined begins. */
export interface FoundPositions {
  /** Of each partition that was asked for. */
  readonly positions: ReadonlyMap<number, number>;
  /** Those that the group has committed. */
  readonly committed: ReadonlyMap<number, number>;
}

/** How to find out where to begin. */
export interface FindOptions extends Pick<StartOptions, 'startFrom' | 'logEnds'> {
  readonly topic: string;
  readonly groupId: string;
  /** True once the answer is of no use any more. */
  readonly isOver: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Asks where the group stands, until there is an answer.
 * @returns undefined when the answer is of no use any more, or the group has moved on: it will make us join again
 * @throws WeirError what waiting cannot cure
 */
export async function findPositions(
  joined: JoinedMember,
  partitions: readonly number[],
  { topic, groupId, startFrom, logEnds, isOver, clock, logger }: FindOptions,
): Promise<FoundPositions | undefined> {
  while (!isOver()) {
    try {
      const committed = await joined.committed(topic, partitions, isOver);
      if (isOver()) break;
      const commit = (offsets: ReadonlyMap<number, number>): Promise<void> => joined.commit(topic, offsets);
      return { committed, positions: await startPositions(partitions, { startFrom, committed, logEnds, commit }) };
    } catch (thrown) {
      if (isOver() || isRebalanceError(thrown)) break;
      const error = weirErrorFromKafka(thrown, `asking where group ${groupId} stands in ${topic}`);
      if (!isRetriable(error)) throw error;
      logger.warn({ topic, reason: error.message }, 'positions are not known; they are asked for again');
      await sleep(clock, RETRY_MS);
    }
  }
  return undefined;
}

/** What decides where partitions begin. */
export interface StartOptions {
  readonly startFrom: 'earliest' | 'latest';
  /** Position of each partition that the group has committed. */
  readonly committed: ReadonlyMap<number, number>;
  /** The ends of every partition. @throws WeirError */
  readonly logEnds: () => Promise<ReadonlyMap<number, LogEnds>>;
  /** Commits offsets by partition under the generation just joined. */
  readonly commit: (offsets: ReadonlyMap<number, number>) => Promise<void>;
}

/**
 * Where each partition begins: at its committed position; without one at the beginning of its log, or at its end.
 *
 * The end is committed at once. Else what is published between a clean stop and the next start would never be read as
 * long as nothing has been committed, for "latest" would be resolved anew.
 * @throws WeirError, or what `commit` throws
 */
export async function startPositions(
  partitions: readonly number[],
  { startFrom, committed, logEnds, commit }: StartOptions,
): Promise<Map<number, number>> {
  const positions = new Map<number, number>();
  for (const partition of partitions) {
    const position = committed.get(partition);
    if (position !== undefined) positions.set(partition, position);
  }
  const missing = partitions.filter((partition) => !positions.has(partition));
  if (missing.length === 0) return positions;
  const ends = await logEnds();
  for (const partition of missing) {
    const end = ends.get(partition);
    // A partition that metadata does not show yet has no records yet.
    positions.set(partition, (startFrom === 'earliest' ? end?.low : end?.high) ?? 0);
  }
  if (startFrom === 'latest') await commit(new Map(missing.map((partition) => [partition, positions.get(partition)!])));
  return positions;
}
