import { describe, expect, it } from 'vitest';
import { weirErrorFromKafka } from '../../../../src/kafka/errors.ts';
import type { BrokerInternals } from '../../../../src/kafka/protocol/cluster-extension.ts';
import { errorFromCode } from '../../../../src/kafka/protocol/flexible.ts';
import { kafkajsInternal } from '../../../../src/kafka/protocol/guard.ts';
import { produceOnce } from '../../../../src/kafka/protocol/produce-once.ts';

const NOT_LEADER = 6;

interface Produced {
  readonly nodeId: string;
  readonly partition: number;
  readonly firstSequence: number;
}

type Send = (options: { acks: number; topicMessages: object[] }) => Promise<unknown>;
const createSend = kafkajsInternal<(parts: object) => Send>('src/producer/sendMessages.js');
const createRetrier = kafkajsInternal<(options: object) => object>('src/retry/index.js');

/**
 * kafkajs' own sending to a leader that refuses its first request and one that takes its time; resolves or rejects with
 * what the sender is told, and all that was sent.
 */
async function sendToTwoLeaders(extend: (broker: BrokerInternals) => void): Promise<{ error: unknown; produced: Produced[] }> {
  const produced: Produced[] = [];
  const slow = Promise.withResolvers<void>();
  const sequences = new Map<number, number>();
  const broker = (nodeId: string): object => {
    const made = {
      nodeId,
      async produce({ topicData }: { topicData: { partitions: { partition: string; firstSequence: number }[] }[] }) {
        const [{ partition, firstSequence }] = topicData[0]!.partitions as [{ partition: string; firstSequence: number }];
        const isFirst = produced.every((request) => request.nodeId !== nodeId);
        produced.push({ nodeId, partition: Number(partition), firstSequence });
        if (nodeId === '1' && isFirst) throw errorFromCode(NOT_LEADER);
        // The second leader answers once the sender has decided what to do about the first.
        if (nodeId === '2' && isFirst) await slow.promise;
        return { topics: [] };
      },
    };
    extend(made as unknown as BrokerInternals);
    return made;
  };
  const brokers: Record<string, object> = { '1': broker('1'), '2': broker('2') };
  const send = createSend({
    logger: { debug: () => {}, error: () => {} },
    cluster: {
      isConnected: () => true,
      addMultipleTargetTopics: async () => {},
      refreshMetadataIfNecessary: async () => {},
      refreshMetadata: async () => {},
      findTopicPartitionMetadata: () => [{ partitionId: 0 }, { partitionId: 1 }],
      findLeaderForPartitions: () => ({ '1': [0], '2': [1] }),
      findBroker: async ({ nodeId }: { nodeId: string }) => brokers[nodeId],
    },
    partitioner: ({ message }: { message: { partition: number } }) => message.partition,
    eosManager: {
      isTransactional: () => false,
      getProducerId: () => 1,
      getProducerEpoch: () => 0,
      getSequence: (_: string, partition: number) => sequences.get(Number(partition)) ?? 0,
      updateSequence: (_: string, partition: number, by: number) =>
        sequences.set(Number(partition), (sequences.get(Number(partition)) ?? 0) + by),
      acquireBrokerLock: async () => {},
      releaseBrokerLock: async () => {},
    },
    retrier: createRetrier({ retries: 3, initialRetryTime: 1, maxRetryTime: 2 }),
  });
  const messages = [0, 1].map((partition) => ({ partition, value: 'v' }));
  const error = await send({ acks: -1, topicMessages: [{ topic: 't', messages }] }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  slow.resolve();
  return { error, produced };
}

describe('produceOnce', () => {
  it('is there because stock writes again, under a new sequence number, what another leader has not answered yet', async () => {
    const { error, produced } = await sendToTwoLeaders(() => {});
    expect(error).toBeUndefined();
    expect(produced.filter(({ nodeId }) => nodeId === '2')).toEqual([
      { nodeId: '2', partition: 1, firstSequence: 0 },
      { nodeId: '2', partition: 1, firstSequence: 1 },
    ]);
  });

  it('has the sender told of the error, and nothing written again', async () => {
    const { error, produced } = await sendToTwoLeaders(produceOnce);
    expect(produced.map(({ nodeId }) => nodeId)).toEqual(['1', '2']);
    expect(weirErrorFromKafka(error, 'writing')).toMatchObject({ code: 'kafka_unavailable', kind: 'retriable' });
  });
});
