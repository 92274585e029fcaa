import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { OutputRecords } from '../../../src/core/outputs.ts';
import { errorFromCode } from '../../../src/kafka/protocol/flexible.ts';
import { kafkajsInternal } from '../../../src/kafka/protocol/guard.ts';
import { TransactionalProducer } from '../../../src/kafka/transactional-producer.ts';

const NOT_LEADER_FOR_PARTITION = 6;

describe('TransactionalProducer', () => {
  it('says what it is when it is used out of turn, and is of no use after an error', async () => {
    // Nobody listens on port 1.
    const kafka = new Kafka({ brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING, retry: { retries: 0 } });
    const producer = new TransactionalProducer({ kafka, transactionalId: 'worker-0', transactionTimeoutMs: 10_000, compression: 'none' });
    const limits = (): { partitions: number; partitionBytes: number } => ({ partitions: 1, partitionBytes: 1_000 });
    const outOfTurn = { code: 'state_invalid', message: expect.stringMatching(/worker-0 is new/) };
    await expect(producer.begin()).rejects.toMatchObject(outOfTurn);
    await expect(producer.write([new OutputRecords('out')], limits)).rejects.toMatchObject(outOfTurn);
    await expect(producer.commit({ groupId: 'g', generationId: 1, memberId: 'm' }, [])).rejects.toMatchObject(outOfTurn);
    await expect(producer.abort()).rejects.toMatchObject(outOfTurn);
    await expect(producer.start()).rejects.toMatchObject({ code: 'kafka_unavailable', message: expect.stringContaining('worker-0') });
    await expect(producer.start()).rejects.toMatchObject({ code: 'state_invalid' });
    await expect(producer.begin()).rejects.toMatchObject({ code: 'state_invalid' });
    expect(producer.isOpen).toBe(false);
    await producer.close();
  });

  it('takes a broker that answers nothing for one that is away', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const kafka = new Kafka({
      brokers: [`127.0.0.1:${port}`],
      logLevel: logLevel.NOTHING,
      connectionTimeout: 200,
      requestTimeout: 200,
      retry: { retries: 2, initialRetryTime: 10 },
    });
    const producer = new TransactionalProducer({ kafka, transactionalId: 'worker-0', transactionTimeoutMs: 10_000, compression: 'none' });
    await expect(producer.start()).rejects.toMatchObject({
      code: 'kafka_unavailable',
      message: expect.stringContaining('not connected'),
    });
    await producer.close();
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});

/**
 * Sends one record to each of two partitions by stock kafkajs in a transaction. The leader of partition 0 refuses the
 * first request at once; that of partition 1 answers late.
 * @returns first sequence numbers of the requests that the leader of partition 1 got
 */
async function sequencesAtTheOtherLeader(retries: number): Promise<number[]> {
  interface Produce {
    readonly topicData: { partitions: { firstSequence: number }[] }[];
  }
  const sequences: number[] = [];
  let refusals = 1;
  const answer = { topics: [] };
  const brokers: Record<string, unknown> = {
    1: { nodeId: '1', produce: () => (refusals-- > 0 ? Promise.reject(errorFromCode(NOT_LEADER_FOR_PARTITION)) : Promise.resolve(answer)) },
    2: {
      nodeId: '2',
      produce: async ({ topicData }: Produce) => {
        sequences.push(topicData[0]!.partitions[0]!.firstSequence);
        await pause(50);
        return answer;
      },
    },
  };
  const nothing = (): void => {};
  const logger = { debug: nothing, error: nothing };
  const cluster = {
    targetTopics: new Set(),
    refreshMetadataIfNecessary: nothing,
    refreshMetadata: nothing,
    addMultipleTargetTopics: nothing,
    isConnected: () => true,
    findTopicPartitionMetadata: () => [{ partitionId: 0 }, { partitionId: 1 }],
    findLeaderForPartitions: () => ({ 1: [0], 2: [1] }),
    findBroker: ({ nodeId }: { nodeId: string }) => Promise.resolve(brokers[nodeId]),
    findGroupCoordinator: () =>
      Promise.resolve({ initProducerId: () => ({ producerId: '7', producerEpoch: 0 }), addPartitionsToTxn: () => Promise.resolve() }),
  };
  interface EosManager {
    initProducerId(): Promise<void>;
    beginTransaction(): void;
  }
  const eosManager = kafkajsInternal<(options: object) => EosManager>('src/producer/eosManager/index.js')({
    logger,
    cluster,
    transactional: true,
    transactionalId: 'id',
  });
  await eosManager.initProducerId();
  eosManager.beginTransaction();
  const retrier = kafkajsInternal<(options: object) => unknown>('src/retry/index.js')({ retries, initialRetryTime: 1 });
  const partitioner = ({ message }: { message: { partition: number } }): number => message.partition;
  const send = kafkajsInternal<(options: object) => (request: object) => Promise<unknown>>('src/producer/sendMessages.js')({
    logger,
    cluster,
    partitioner,
    eosManager,
    retrier,
  });
  const messages = [0, 1].map((partition) => ({ partition, value: 'v' }));
  await send({ acks: -1, topicMessages: [{ topic: 'out', messages }] }).catch((error: unknown) => {
    if (retries > 0) throw error;
  });
  await pause(100);
  return sequences;
}

describe('why kafkajs must not retry inside a transaction', () => {
  it('its retry sends what another leader has not answered yet once more, as new records', async () => {
    expect(await sequencesAtTheOtherLeader(1)).toEqual([0, 1]);
    expect(await sequencesAtTheOtherLeader(0)).toEqual([0]);
  });
});
