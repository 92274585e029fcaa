import kafkajs, { type Kafka } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalService, OLDEST_KAFKA_VERSION, startKafka } from '../../src/dev/index.ts';
import { onEachBroker, withClusterExtension } from '../../src/kafka/protocol/cluster-extension.ts';
import { fetchStableOffsets } from '../../src/kafka/protocol/stable-offsets.ts';
import { fetchStockOffsets } from '../../src/kafka/protocol/stock-offsets.ts';
import { sendMembersWithOffsets, withMember } from '../../src/kafka/protocol/txn-offset-commit.ts';
import { services, uniqueName } from '../support/services.ts';
import {
  clusterOf,
  committedOffset,
  countOf,
  createTopic,
  failureOf,
  joinGroup,
  noTraffic,
  ONE_PARTITION,
  outputsOf,
  positionOf,
  readCommitted,
  stockKafka,
  transactionalProducer,
} from '../support/transactions.ts';

describe('Kafka of the tests', () => {
  transactions(() => services().kafkaBrokers);
});

describe(`Kafka ${OLDEST_KAFKA_VERSION}`, () => {
  let broker: LocalService | undefined;
  beforeAll(async () => {
    broker = await startKafka({ version: OLDEST_KAFKA_VERSION });
  });
  afterAll(() => broker?.stop());
  transactions(() => broker!.endpoint);
});

/** What transactions promise on one broker. */
function transactions(brokersOf: () => string): void {
  let kafka: Kafka;
  let topic: string;
  let input: string;
  let groupId: string;
  const opened: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    kafka = stockKafka(brokersOf());
    input = uniqueName('input');
    await createTopic(kafka, input);
  });

  async function setUp(): Promise<void> {
    topic = uniqueName('output');
    groupId = uniqueName('group');
    await createTopic(kafka, topic);
  }

  async function started(id: string, client = kafka): ReturnType<typeof begun> {
    const producer = transactionalProducer(client, id);
    opened.push(producer);
    await producer.start();
    return producer;
  }

  async function begun(id: string, client = kafka): Promise<ReturnType<typeof transactionalProducer>> {
    const producer = await started(id, client);
    await producer.begin();
    return producer;
  }

  afterAll(async () => {
    for (const each of opened) await each.close();
  });

  it('shows records and moves offsets at the commit and not before', async () => {
    await setUp();
    const { member, leave } = await joinGroup(kafka, groupId, input);
    const producer = await begun(uniqueName('id'));
    await producer.write(outputsOf(topic, 'a', 'b'), ONE_PARTITION);
    expect((await committedOffset(kafka, groupId, input)).offset).toBe(-1);
    await producer.commit(member, positionOf(input, 7));
    expect(producer.isOpen).toBe(false);
    expect((await committedOffset(kafka, groupId, input)).offset).toBe(7);
    await producer.begin();
    await producer.write(outputsOf(topic, 'not seen'), ONE_PARTITION);
    await producer.abort();
    // An aborted transaction was no error: the producer goes on.
    await producer.begin();
    await producer.write(outputsOf(topic, 'c'), ONE_PARTITION);
    await producer.commit(member, []);
    expect(await readCommitted(kafka, topic)).toEqual(['a', 'b', 'c']);
    expect((await committedOffset(kafka, groupId, input)).offset).toBe(7);
    await leave();
  });

  it('keeps the metadata of offsets, and the mark of a member through kafkajs', async () => {
    await setUp();
    const { member, leave } = await joinGroup(kafka, groupId, input);
    const traffic = noTraffic();
    const extended = withClusterExtension(stockKafka(brokersOf(), traffic), (cluster) => onEachBroker(cluster, sendMembersWithOffsets));
    const producer = extended.producer({ transactionalId: uniqueName('id') });
    await producer.connect();
    const transaction = await producer.transaction();
    const topics = [{ topic: input, partitions: [{ partition: 0, offset: '3', metadata: 'né' }] }];
    await transaction.sendOffsets({ consumerGroupId: groupId, topics: withMember(topics, member) });
    await transaction.commit();
    expect(await committedOffset(kafka, groupId, input)).toEqual({ offset: 3, metadata: 'né' });
    // Who is not a member is refused: so the mark was sent.
    const second = await producer.transaction();
    await expect(
      second.sendOffsets({ consumerGroupId: groupId, topics: withMember([...topics], { ...member, memberId: 'nobody' }) }),
    ).rejects.toMatchObject({ type: 'UNKNOWN_MEMBER_ID' });
    await second.abort();
    await producer.disconnect();
    await leave();
  });

  it('refuses offsets of another generation or member, which stock kafkajs gets accepted', async () => {
    await setUp();
    const { member, leave } = await joinGroup(kafka, groupId, input);
    const good = await begun(uniqueName('id'));
    await good.commit(member, positionOf(input, 5));
    const wrong = [
      ['ILLEGAL_GENERATION', { ...member, generationId: member.generationId - 1 }],
      ['ILLEGAL_GENERATION', { ...member, generationId: member.generationId + 1 }],
      ['UNKNOWN_MEMBER_ID', { ...member, memberId: `${member.memberId}x` }],
    ] as const;
    for (const [type, who] of wrong) {
      const producer = await begun(uniqueName('id'));
      await producer.write(outputsOf(topic, 'not seen'), ONE_PARTITION);
      expect(await failureOf(producer.commit(who, positionOf(input, 99)))).toBe(type);
      expect(producer.isOpen).toBe(true);
      await producer.abort();
      expect((await committedOffset(kafka, groupId, input)).offset).toBe(5);
    }
    expect(await readCommitted(kafka, topic)).toEqual([]);
    // The hole that KIP-447 closes: no member at all is taken while the group is alive.
    const stock = kafka.producer({ transactionalId: uniqueName('id') });
    await stock.connect();
    const transaction = await stock.transaction();
    await transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic: input, partitions: [{ partition: 0, offset: '99' }] }] });
    await transaction.commit();
    await stock.disconnect();
    expect((await committedOffset(kafka, groupId, input)).offset).toBe(99);
    await leave();
  });

  it('lets the last one started with an id write, and nobody before', async () => {
    await setUp();
    const { member, leave } = await joinGroup(kafka, groupId, input);
    const id = uniqueName('id');
    const [writing, committing, ending] = [await begun(id), await begun(`${id}-2`), await begun(`${id}-3`)];
    await writing.write(outputsOf(topic, 'old 1'), ONE_PARTITION);
    await committing.write(outputsOf(topic, 'old 2'), ONE_PARTITION);
    await ending.write(outputsOf(topic, 'old 3'), ONE_PARTITION);
    const successors = [await begun(id), await begun(`${id}-2`), await begun(`${id}-3`)];
    expect(await failureOf(writing.write(outputsOf(topic, 'old 4'), ONE_PARTITION))).toBe('INVALID_PRODUCER_EPOCH');
    expect(await failureOf(committing.commit(member, positionOf(input, 50)))).toBe('INVALID_PRODUCER_EPOCH');
    expect(await failureOf(ending.commit(member, []))).toBe('INVALID_PRODUCER_EPOCH');
    expect([writing.isOpen, committing.isOpen, ending.isOpen]).toEqual([true, true, false]);
    expect(await failureOf(writing.abort())).toBe('INVALID_PRODUCER_EPOCH');
    for (const [i, successor] of successors.entries()) {
      await successor.write(outputsOf(topic, `new ${i}`), ONE_PARTITION);
      await successor.commit(member, positionOf(input, i));
    }
    expect(await readCommitted(kafka, topic)).toEqual(['new 0', 'new 1', 'new 2']);
    expect((await committedOffset(kafka, groupId, input)).offset).toBe(2);
    await leave();
  });

  it('waits for offsets of an open transaction, which stock kafkajs overlooks', async () => {
    await setUp();
    const { member, leave } = await joinGroup(kafka, groupId, input);
    const { cluster, close } = await clusterOf(kafka);
    const broker = await cluster.findGroupCoordinator({ groupId });
    const fetch = (isCancelled = (): boolean => false, onWait?: () => Promise<void>): Promise<Map<number, number>> =>
      fetchStableOffsets(broker, { groupId, topic: input, partitions: [0], isCancelled, ...(onWait && { onWait }) });
    expect(await fetch()).toEqual(new Map()); // No commit yet.
    const extended = withClusterExtension(kafka, (made) => onEachBroker(made, sendMembersWithOffsets));
    const producer = extended.producer({ transactionalId: uniqueName('id') });
    await producer.connect();
    for (const [offset, end, then, before] of [
      ['60', 'commit', 60, new Map()],
      ['70', 'abort', 60, new Map([[0, 60]])],
    ] as const) {
      const transaction = await producer.transaction();
      await transaction.sendOffsets({
        consumerGroupId: groupId,
        topics: withMember([{ topic: input, partitions: [{ partition: 0, offset }] }], member),
      });
      expect(await failureOf(fetch(() => true))).toBe('UNSTABLE_OFFSET_COMMIT');
      // Stock says at once what was committed before; whoever began there would read again what the transaction has done.
      expect(await fetchStockOffsets(broker, { groupId, topic: input, partitions: [0] })).toEqual(before);
      let waits = 0;
      const stable = fetch(undefined, async () => {
        if (++waits === 3) await transaction[end]();
      });
      expect(await stable).toEqual(new Map([[0, then]]));
      expect(waits).toBeGreaterThanOrEqual(3);
    }
    // The heartbeat's place: what it throws ends the wait.
    const open = await producer.transaction();
    await open.sendOffsets({
      consumerGroupId: groupId,
      topics: withMember([{ topic: input, partitions: [{ partition: 0, offset: '80' }] }], member),
    });
    await expect(fetch(undefined, () => Promise.reject(new Error('evicted')))).rejects.toThrow('evicted');
    await open.abort();
    await producer.disconnect();
    await close();
    await leave();
  });

  it('commits 200 transactions back to back without looking anything up again', { timeout: 120_000 }, async () => {
    await setUp();
    const { member, leave } = await joinGroup(kafka, groupId, input);
    const traffic = noTraffic();
    const producer = await started(uniqueName('id'), stockKafka(brokersOf(), traffic));
    for (let i = 0; i < 201; i++) {
      await producer.begin();
      await producer.write(outputsOf(topic, `${i}`), ONE_PARTITION);
      await producer.commit(member, positionOf(input, i + 1));
      // The first looks up what a fresh broker may have to make first.
      if (i === 0) for (const list of Object.values(traffic)) list.length = 0;
    }
    expect(countOf(traffic, 'GroupCoordinator')).toBe(0);
    expect(countOf(traffic, 'Metadata')).toBe(0);
    expect(countOf(traffic, 'EndTxn')).toBe(200);
    expect(countOf(traffic, 'Produce')).toBe(200);
    // What the broker refused was repeated by us: kafkajs would have read the metadata again, and reported an error, each time.
    expect(countOf(traffic, 'AddPartitionsToTxn') + countOf(traffic, 'AddOffsetsToTxn')).toBe(400 + traffic.refusals.length);
    expect(traffic.refusals.filter((text) => !/concurrent/i.test(text))).toEqual([]);
    expect(traffic.reported).toEqual([]);
    expect(await readCommitted(kafka, topic)).toEqual(Array.from({ length: 201 }, (_, i) => `${i}`));
    expect((await committedOffset(kafka, groupId, input)).offset).toBe(201);
    await leave();
  });

  it('stock kafkajs looks a coordinator up four times a transaction', async () => {
    await setUp();
    const traffic = noTraffic();
    const stock = stockKafka(brokersOf(), traffic).producer({
      transactionalId: uniqueName('id'),
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      retry: { retries: 10 },
    });
    await stock.connect();
    for (let i = 0; i < 20; i++) {
      const transaction = await stock.transaction();
      await transaction.send({ topic, messages: [{ value: `${i}`, partition: 0 }] });
      await transaction.sendOffsets({
        consumerGroupId: groupId,
        topics: [{ topic: input, partitions: [{ partition: 0, offset: `${i}` }] }],
      });
      await transaction.commit();
    }
    await stock.disconnect();
    expect(countOf(traffic, 'GroupCoordinator')).toBeGreaterThanOrEqual(80);
  });
}
