import type { BrokerInternals } from './cluster-extension.ts';
import type { StableOffsetsQuery } from './stable-offsets.ts';

type StockOffsetFetch = (args: {
  groupId: string;
  topics: { topic: string; partitions: { partition: number }[] }[];
}) => Promise<{ responses: { partitions: { partition: number; offset: string }[] }[] }>;

/**
 * Stands in for `stable-offsets.ts` while that is switched off: the committed offsets by kafkajs' own `Broker.offsetFetch`,
 * which does not wait for open transactions. A partition without a commit is not in the map.
 * @param broker the coordinator of the group
 * @throws KafkaJSProtocolError
 */
export async function fetchStockOffsets(
  broker: BrokerInternals,
  { groupId, topic, partitions }: Pick<StableOffsetsQuery, 'groupId' | 'topic' | 'partitions'>,
): Promise<Map<number, number>> {
  const { responses } = await (broker as BrokerInternals & { offsetFetch: StockOffsetFetch }).offsetFetch({
    groupId,
    topics: [{ topic, partitions: partitions.map((partition) => ({ partition })) }],
  });
  const found = responses.flatMap((response) => response.partitions).map(({ partition, offset }) => [partition, Number(offset)] as const);
  return new Map(found.filter(([, offset]) => offset >= 0));
}
