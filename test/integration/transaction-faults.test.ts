import type { Kafka } from 'kafkajs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KAFKA_VERSION, type LocalService, OLDEST_KAFKA_VERSION, startKafka } from '../../src/dev/index.ts';
import { fetchStableOffsets } from '../../src/kafka/protocol/stable-offsets.ts';
import type { TransactionalProducer } from '../../src/kafka/transactional-producer.ts';
import { uniqueName } from '../support/services.ts';
import {
  clusterOf,
  createTopic,
  cutAround,
  failureOf,
  joinGroup,
  ONE_PARTITION,
  outputsOf,
  positionOf,
  readCommitted,
  stockKafka,
  transactionalProducer,
} from '../support/transactions.ts';

const ADD_OFFSETS_TO_TXN = 25;
const END_TXN = 26;
const NO_GROUP = { groupId: '', generationId: -1, memberId: '' };

/**
 * The rule of recovery, after each fault: a new producer with the same id, and then what the group has committed tells how
 * the last transaction ended.
 */
describe.each([KAFKA_VERSION, OLDEST_KAFKA_VERSION])('faults around transactions of Kafka %s', (version) => {
  let broker: LocalService;
  let kafka: Kafka;
  let topic: string;
  let input: string;
  let groupId: string;
  let id: string;

  beforeAll(async () => {
    // By default a broker looks every 10 s for transactions that have timed out.
    broker = await startKafka({ version, extraProperties: { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200' } });
    kafka = stockKafka(broker.endpoint);
  });
  afterAll(() => broker?.stop());
  beforeEach(async () => {
    [topic, input, groupId, id] = ['output', 'input', 'group', 'id'].map(uniqueName) as [string, string, string, string];
    await createTopic(kafka, topic);
    await createTopic(kafka, input);
  });

  async function begun(client = kafka, transactionTimeoutMs?: number): Promise<TransactionalProducer> {
    const producer = transactionalProducer(client, id, transactionTimeoutMs);
    await producer.start();
    await producer.begin();
    return producer;
  }

  /** As a worker does it: again with a new producer while Kafka is not there. */
  async function begunAtLast(): Promise<TransactionalProducer> {
    for (;;) {
      const producer = transactionalProducer(kafka, id);
      const failure = await producer.start().then(
        () => undefined,
        (error: unknown) => (error as { code?: string }).code,
      );
      if (failure === undefined) {
        await producer.begin();
        return producer;
      }
      expect(failure).toBe('kafka_unavailable');
      await producer.close();
    }
  }

  /** What the group has committed. A commit is acknowledged before its marker reaches the offsets: they are waited for. */
  async function stableOffset(): Promise<number | undefined> {
    const { cluster, close } = await clusterOf(kafka);
    const deadline = performance.now() + 20_000;
    const query = { groupId, topic: input, partitions: [0], isCancelled: () => performance.now() > deadline };
    const offsets = await fetchStableOffsets(await cluster.findGroupCoordinator({ groupId }), query);
    await close();
    return offsets.get(0);
  }

  it.each([
    { when: 'before', apiKey: END_TXN, isOpen: false, isCommitted: false },
    { when: 'after', apiKey: END_TXN, isOpen: false, isCommitted: true },
    { when: 'before', apiKey: ADD_OFFSETS_TO_TXN, isOpen: true, isCommitted: false },
    { when: 'after', apiKey: ADD_OFFSETS_TO_TXN, isOpen: true, isCommitted: false },
  ] as const)('a connection that is cut $when request $apiKey', async ({ when, apiKey, isOpen, isCommitted }) => {
    const { member, leave } = await joinGroup(kafka, groupId, input);
    const cut = cutAround(apiKey, when);
    const first = await begun(stockKafka(broker.endpoint, undefined, cut.open));
    await first.write(outputsOf(topic, 'first'), ONE_PARTITION);
    cut.arm();
    await expect(first.commit(member, positionOf(input, 1))).rejects.toMatchObject({ code: 'kafka_unavailable' });
    expect(first.isOpen).toBe(isOpen);
    const second = await begun();
    expect(await stableOffset()).toBe(isCommitted ? 1 : undefined);
    await second.write(outputsOf(topic, 'second'), ONE_PARTITION);
    await second.commit(member, positionOf(input, 2));
    expect(await readCommitted(kafka, topic)).toEqual(isCommitted ? ['first', 'second'] : ['second']);
    expect(await stableOffset()).toBe(2);
    await Promise.all([first.close(), second.close(), leave()]);
  });

  it('a transaction that the broker has timed out', async () => {
    const late = await begun(kafka, 500);
    await late.write(outputsOf(topic, 'late'), ONE_PARTITION);
    expect(await readCommitted(kafka, topic)).toEqual([]); // Returns once the broker has aborted.
    expect(await failureOf(late.write(outputsOf(topic, 'later'), ONE_PARTITION))).toMatch(/^(INVALID_PRODUCER_EPOCH|INVALID_TXN_STATE)$/);
    await expect(late.write(outputsOf(topic, 'later'), ONE_PARTITION)).rejects.toMatchObject({ code: 'state_invalid' });
    const idle = await begun(kafka, 500);
    await idle.write(outputsOf(topic, 'idle'), ONE_PARTITION);
    expect(await readCommitted(kafka, topic)).toEqual([]);
    expect(await failureOf(idle.commit(NO_GROUP, []))).toBe('INVALID_PRODUCER_EPOCH');
    const next = await begun();
    await next.write(outputsOf(topic, 'next'), ONE_PARTITION);
    await next.commit(NO_GROUP, []);
    expect(await readCommitted(kafka, topic)).toEqual(['next']);
    await Promise.all([late.close(), idle.close(), next.close()]);
  });

  it('a broker that crashes and comes back', { timeout: 180_000 }, async () => {
    const { member, leave } = await joinGroup(kafka, groupId, input);
    const first = await begun();
    await first.write(outputsOf(topic, 'first'), ONE_PARTITION);
    await first.commit(member, positionOf(input, 1));
    await first.begin();
    await first.write(outputsOf(topic, 'lost'), ONE_PARTITION);
    broker.kill('SIGKILL');
    await broker.outcome;
    await expect(first.commit(member, positionOf(input, 2))).rejects.toMatchObject({ code: 'kafka_unavailable' });
    await leave().catch(() => {}); // Nobody is there to be told.
    const restarted = broker.restart();
    const second = await begunAtLast();
    await restarted;
    const again = await joinGroup(kafka, groupId, input);
    expect(await stableOffset()).toBe(1);
    await second.write(outputsOf(topic, 'second'), ONE_PARTITION);
    await second.commit(again.member, positionOf(input, 2));
    expect(await readCommitted(kafka, topic)).toEqual(['first', 'second']);
    expect(await stableOffset()).toBe(2);
    await Promise.all([first.close(), second.close(), again.leave()]);
  });
});
