/** What an input topic may do to its readers. */
import type { Producer, Transaction } from 'kafkajs';
import { inputsFrom } from '../accounts.ts';
import type { Input } from '../checker.ts';
import { GROUP, TOPICS } from '../pipeline.ts';
import { wholeBetween } from '../random.ts';
import { readCommitted } from '../reader.ts';
import { type Findings, pause, type Scenario, type ScenarioContext, until } from '../scenario.ts';
import { stockKafka } from '../services.ts';
import { setStage, settle, type Stage } from '../stage.ts';

/** Aborted, overlapping and open transactions in the input. */
export const inputTransactions: Scenario = {
  name: 'input-transactions',
  faults: 'input of two producers whose transactions overlap, are aborted in another order than begun, or stay open for 5 s',
  holds: 'exactly the committed records are scored',
  deliveries: ['exactly-once'],
  async run(context) {
    const { isQuick, random } = context;
    const stage = await setStage(context, { pipeline: { partitions: 4 } });
    const { fleet, load } = stage;
    const producers = await Promise.all(['first', 'second'].map((name) => transactional(context, stage, name)));
    await fleet.start(0, 1);
    let faults = 0;
    const some = async (transaction: Transaction): Promise<void> => {
      await transaction.send({ topic: TOPICS.input, messages: load.take(wholeBetween(random, 1, 60)) });
    };
    for (let round = 0; round < (isQuick ? 10 : 40); round++) {
      const transactions = await Promise.all(producers.map((producer) => producer.transaction()));
      // Begun in one order, ended in the other; data in between, so that they overlap in every partition.
      for (const transaction of [...transactions, ...transactions]) await some(transaction);
      await load.send(wholeBetween(random, 1, 40));
      if (round % 20 === 5) await pause(5_000, context.signal);
      for (const transaction of random() < 0.5 ? transactions : transactions.toReversed()) {
        if (random() < 0.5) await transaction.commit();
        else {
          await transaction.abort();
          faults++;
        }
        await load.send(wholeBetween(random, 1, 10));
      }
    }
    await load.send(400); // no marker is the last of its partition: the group reaches the end
    return await settle(context, stage, { faults, mayLack: true });
  },
};

async function transactional(context: ScenarioContext, { broker }: Stage, name: string): Promise<Producer> {
  const producer = stockKafka(broker.endpoint, `input-${name}`).producer({
    ...{ transactionalId: `input-${name}`, idempotent: true, maxInFlightRequests: 1 },
  });
  await producer.connect();
  context.defer(() => producer.disconnect());
  return producer;
}

/** Offsets that compaction has taken. */
export const inputCompacted: Scenario = {
  name: 'input-compacted',
  faults: 'compaction takes most records of the input before they are read',
  holds: 'what is left is scored, across gaps and emptied batches',
  deliveries: ['exactly-once'],
  async run(context) {
    const { signal, say } = context;
    const stage = await setStage(context, {
      brokerProperties: { 'log.cleaner.backoff.ms': '500', 'log.cleaner.min.cleanable.ratio': '0.01' },
      pipeline: {
        partitions: 2,
        inputConfig: {
          'cleanup.policy': 'compact',
          'segment.ms': '1000',
          'min.cleanable.dirty.ratio': '0.01',
          'max.compaction.lag.ms': '2000',
        },
      },
    });
    const { fleet, load, pipeline } = stage;
    for (let i = 0; i < 8; i++) {
      await load.bulk(2_000);
      await pause(1_200, signal); // the next record opens a new segment
    }
    const sent = load.sent;
    let inputs: Input[] = [];
    const isCompacted = async (): Promise<boolean> => {
      await load.send(2); // rolls the segment, which the cleaner otherwise leaves alone
      inputs = inputsFrom(await readCommitted(pipeline.brokers, [TOPICS.input]));
      return inputs.length < sent / 2;
    };
    await until(isCompacted, { signal, timeoutMs: 90_000, pollMs: 1_500, what: 'compaction' });
    // From here on the log must stay as it is.
    await pipeline.admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: 2, name: TOPICS.input, configEntries: [{ name: 'cleanup.policy', value: 'delete' }] }],
    });
    await pause(2_000, signal);
    await load.send(200);
    say(`compacted: ${inputs.length} of ${load.sent} are left`);
    await fleet.start(0);
    return await settle(context, stage, { faults: load.sent - inputs.length, mayLack: true });
  },
};

/** Records that retention took before they were scored. */
export const inputTruncated: Scenario = {
  name: 'input-truncated',
  faults: 'records that were never scored are deleted (DeleteRecords) while no worker runs',
  holds: 'onOutOfRange: fail stops with offset_out_of_range; earliest goes on at the first record that is left',
  deliveries: ['exactly-once'],
  async run(context) {
    const { signal } = context;
    const stage = await setStage(context, {
      pipeline: { partitions: 4, sections: { input: { onOutOfRange: '${CHAOS_OUT_OF_RANGE}' } } },
      fleet: { restarts: false, envOf: (slot) => ({ CHAOS_OUT_OF_RANGE: slot === 0 ? 'fail' : 'earliest' }) },
    });
    const { fleet, load, pipeline } = stage;
    await fleet.start(0);
    await load.bulk(4_000);
    await pipeline.drained(60_000);
    await fleet.drain(0);
    await load.bulk(8_000);
    const inputs = inputsFrom(await readCommitted(pipeline.brokers, [TOPICS.input]));
    const [group] = await pipeline.admin.fetchOffsets({ groupId: GROUP, topics: [TOPICS.input] });
    const committed = new Map(group!.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    const first = new Map([...committed].map(([partition, offset]) => [partition, offset + 500]));
    await pipeline.admin.deleteTopicRecords({
      topic: TOPICS.input,
      partitions: [...first].map(([partition, offset]) => ({ partition, offset: String(offset) })),
    });
    const problems: string[] = [];
    await fleet.launch(0);
    await until(() => !fleet.isRunning(0), { signal, timeoutMs: 60_000, what: 'the worker stops at once' });
    if (!fleet.endings.some((words) => words.includes('exit 1'))) problems.push(`ended with ${fleet.endings.join('; ')}`);
    if (!fleet.lastWords(0, 20).includes('offset_out_of_range')) problems.push(`does not say why: ${fleet.lastWords(0)}`);
    // The person decides: go on with what is left.
    await fleet.start(1);
    const isGone = ({ partition, offset }: Input): boolean => offset >= committed.get(partition)! && offset < first.get(partition)!;
    return await settle(context, stage, {
      ...{ faults: 4, problems, inputs, mayEnd: true },
      expect: (input, { full }) => (isGone(input) ? { isOptional: true } : { score: full[input.sequence ?? -1] }),
    });
  },
};

/** The input gets more partitions while the workers run. */
export const inputPartitionsAdded: Scenario = {
  name: 'input-partitions-added',
  faults: 'the input grows from 4 to 8 partitions under load',
  holds: 'the new partitions are scored, nothing lost or repeated',
  deliveries: ['exactly-once'],
  async run(context) {
    const { signal } = context;
    const stage = await setStage(context, { pipeline: { partitions: 4 } });
    const { fleet, load, pipeline } = stage;
    await fleet.start(0, 1);
    await load.paced(400, 3_000);
    for (const topic of [TOPICS.predictions, TOPICS.deadLetters, TOPICS.input]) {
      await pipeline.admin.createPartitions({ topicPartitions: [{ topic, count: 8 }] });
    }
    const isReady = async (): Promise<boolean> => (await pipeline.admin.fetchTopicOffsets(TOPICS.input).catch(() => [])).length === 8;
    await until(isReady, { signal, timeoutMs: 30_000, what: 'new partitions with leaders' });
    await pause(1_000, signal);
    await load.spreadOver(8);
    await load.paced(400, 5_000);
    return await settle(context, stage, { faults: 1, isOrderly: true });
  },
};

/** The input is deleted under the workers. */
export const inputDeleted: Scenario = {
  name: 'input-deleted',
  faults: 'the input topic is deleted while the workers run',
  holds: 'everything that was read is settled; the worker ends with exit code 1 and names the topic',
  deliveries: ['exactly-once'],
  async run(context): Promise<Findings> {
    const { signal } = context;
    const stage = await setStage(context, { pipeline: { partitions: 4 }, fleet: { restarts: false } });
    const { fleet, load, pipeline } = stage;
    await fleet.start(0);
    await load.bulk(4_000);
    await pipeline.drained(60_000);
    const inputs = inputsFrom(await readCommitted(pipeline.brokers, [TOPICS.input]));
    await pipeline.admin.deleteTopics({ topics: [TOPICS.input] });
    const problems: string[] = [];
    await until(() => !fleet.isRunning(0), { signal, timeoutMs: 60_000, what: 'the worker stops' }).catch((error: unknown) => {
      problems.push((error as Error).message);
    });
    const words = fleet.lastWords(0, 20);
    if (!fleet.endings.some((ending) => ending.includes('exit 1'))) problems.push(`ended with ${fleet.endings.join('; ')}`);
    if (!/topic_missing/.test(words) || !words.includes(TOPICS.input)) problems.push(`does not name the topic: ${words.slice(-400)}`);
    await fleet.drainAll();
    // The group's positions went with the topic.
    return await settle(
      context,
      { ...stage, pipeline: { ...pipeline, drained: async () => undefined } },
      { faults: 1, problems, inputs, mayEnd: true },
    );
  },
};
