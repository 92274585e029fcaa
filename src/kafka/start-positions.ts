import type { GroupPositions } from './group-positions.ts';

/**
 * Gives each partition that the group has never committed a position: the end of its log, committed at once.
 *
 * kafkajs resolves "latest" in memory and anew at every start, so what is published between a clean stop and the next
 * start would never be read as long as nothing has been committed.
 * @param commit commits offsets by partition under the generation just joined
 * @returns the positions committed
 * @throws WeirError, or what `commit` throws
 */
export async function pinToEnd(
  positions: Pick<GroupPositions, 'committed' | 'logEnds'>,
  partitions: readonly number[],
  commit: (offsets: ReadonlyMap<number, number>) => Promise<void>,
): Promise<Map<number, number>> {
  if (partitions.length === 0) return new Map();
  const committed = await positions.committed();
  const missing = partitions.filter((partition) => !committed.has(partition));
  if (missing.length === 0) return new Map();
  const ends = await positions.logEnds();
  // A partition that metadata does not show yet has no records yet.
  const pinned = new Map(missing.map((partition) => [partition, ends.get(partition)?.high ?? 0]));
  await commit(pinned);
  return pinned;
}
