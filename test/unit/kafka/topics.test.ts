import { describe, expect, it } from 'vitest';
import { ManualClock, systemClock } from '../../../src/core/clock.ts';
import { applyTopics, type TopicAdmin, type TopicReport, type TopicSpec } from '../../../src/kafka/topics.ts';

interface FakeTopic {
  partitions: number;
  replicas?: number;
  config?: Record<string, string>;
  /** Metadata requests until its leaders are known. */
  leaderlessFor?: number;
}

/** A cluster of topics in memory, behind the part of kafkajs' admin that is used. */
class FakeAdmin implements TopicAdmin {
  readonly topics: Map<string, FakeTopic>;
  readonly created: string[] = [];
  refuse: Error | undefined;
  leaderlessFor = 0;

  constructor(topics: Record<string, FakeTopic>) {
    this.topics = new Map(Object.entries(topics));
  }

  async fetchTopicMetadata(): ReturnType<TopicAdmin['fetchTopicMetadata']> {
    return {
      topics: [...this.topics].map(([name, topic]) => {
        const leader = (topic.leaderlessFor ?? 0) > 0 ? -1 : 1;
        topic.leaderlessFor = (topic.leaderlessFor ?? 0) - 1;
        return {
          name,
          partitions: Array.from({ length: topic.partitions }, () => ({ leader, replicas: Array<number>(topic.replicas ?? 1).fill(1) })),
        };
      }),
    };
  }

  async describeConfigs({ resources }: Parameters<TopicAdmin['describeConfigs']>[0]): ReturnType<TopicAdmin['describeConfigs']> {
    return {
      resources: resources.map(({ name, configNames }) => ({
        resourceName: name,
        configEntries: configNames.map((configName) => ({
          configName,
          configValue: this.topics.get(name)?.config?.[configName] ?? 'broker default',
        })),
      })),
    };
  }

  async createTopics({ topics, waitForLeaders }: Parameters<TopicAdmin['createTopics']>[0]): Promise<boolean> {
    if (waitForLeaders) throw new Error('kafkajs must not wait for leaders: that fails now and then on KRaft');
    if (this.refuse) throw this.refuse;
    for (const { topic, numPartitions, replicationFactor, configEntries } of topics) {
      this.created.push(topic);
      const config = Object.fromEntries(configEntries.map(({ name, value }) => [name, value]));
      this.topics.set(topic, { partitions: numPartitions, replicas: replicationFactor, config, leaderlessFor: this.leaderlessFor });
    }
    return true;
  }
}

const spec = (topic: string, more: Partial<TopicSpec> = {}): TopicSpec => ({
  topic,
  role: topic,
  partitions: 'input',
  replicationFactor: 1,
  config: {},
  ...more,
});
const SPECS = [
  spec('in', { isInput: true }),
  spec('out'),
  spec('drift', { partitions: 1, config: { 'cleanup.policy': 'compact,delete' } }),
];

const apply = (admin: TopicAdmin, specs: readonly TopicSpec[] = SPECS, dryRun = false): Promise<TopicReport[]> =>
  applyTopics(admin, specs, { dryRun, clock: systemClock });
const short = (reports: readonly TopicReport[]): unknown[] => reports.map(({ topic, state, partitions }) => [topic, state, partitions]);

const aggregate = (...errors: { type: string; topic: string }[]): Error =>
  Object.assign(new Error('Topic creation errors'), {
    name: 'KafkaJSAggregateError',
    errors: errors.map((error) => Object.assign(new Error(error.type), error)),
  });

describe('applyTopics', () => {
  it('creates what is missing with the partitions of the input, and nothing the second time', async () => {
    const admin = new FakeAdmin({ in: { partitions: 4 } });
    expect(short(await apply(admin))).toEqual([
      ['in', 'exists', 4],
      ['out', 'created', 4],
      ['drift', 'created', 1],
    ]);
    expect(admin.topics.get('drift')?.config).toEqual({ 'cleanup.policy': 'compact,delete' });
    const again = await apply(admin);
    expect(again.map(({ state, differences }) => [state, differences])).toEqual(Array(3).fill(['exists', []]));
    expect(admin.created).toEqual(['out', 'drift']);
  });

  it('creates nothing in a dry run', async () => {
    const admin = new FakeAdmin({ in: { partitions: 4 } });
    expect(short(await apply(admin, SPECS, true))).toEqual([
      ['in', 'exists', 4],
      ['out', 'planned', 4],
      ['drift', 'planned', 1],
    ]);
    expect(admin.created).toEqual([]);
  });

  it('needs the input topic, and says so without creating a part', async () => {
    const admin = new FakeAdmin({});
    expect(short(await apply(admin, SPECS, true))).toEqual([
      ['in', 'missing', undefined],
      ['out', 'missing', undefined],
      ['drift', 'planned', 1],
    ]);
    await expect(apply(admin)).rejects.toMatchObject({ code: 'topic_missing', message: expect.stringContaining('--with-input') as string });
    expect(admin.created).toEqual([]);
  });

  it('creates the input topic when told how many partitions', async () => {
    const admin = new FakeAdmin({});
    const specs = [spec('in', { isInput: true, partitions: 3 }), spec('out')];
    expect(short(await apply(admin, specs))).toEqual([
      ['in', 'created', 3],
      ['out', 'created', 3],
    ]);
  });

  it('needs every input, creates them when told, and leaves the width of a second one to others', async () => {
    const withLabels = (partitions: number | 'input'): TopicSpec[] => [
      spec('in', { isInput: true, partitions }),
      spec('out'),
      spec('labels', { isInput: true, partitions }),
    ];
    await expect(apply(new FakeAdmin({}), withLabels('input'))).rejects.toMatchObject({ message: expect.stringMatching(/of out is/) });
    const admin = new FakeAdmin({ in: { partitions: 4 } });
    expect(short(await apply(admin, withLabels('input'), true))).toEqual([
      ['in', 'exists', 4],
      ['out', 'planned', 4],
      ['labels', 'missing', undefined],
    ]);
    const message = expect.stringMatching(/^The topic labels \(labels\) does not exist.*--with-input/) as string;
    await expect(apply(admin, withLabels('input'))).rejects.toMatchObject({ code: 'topic_missing', message });
    expect(admin.created).toEqual([]);
    expect(short(await apply(admin, withLabels(6))).at(-1)).toEqual(['labels', 'created', 6]);
    const narrow = new FakeAdmin({ in: { partitions: 4 }, labels: { partitions: 1 } });
    expect((await apply(narrow, withLabels(4))).map(({ differences }) => differences)).toEqual([[], [], []]);
  });

  it('takes the count of an input that exists, whatever --with-input says, and points the difference out', async () => {
    const admin = new FakeAdmin({ in: { partitions: 4 } });
    const [input, out] = await apply(admin, [spec('in', { isInput: true, partitions: 3 }), spec('out')]);
    expect(out?.partitions).toBe(4);
    expect(input?.differences).toEqual(['has 4 partitions, not 3: the number of partitions bounds the number of workers']);
  });

  it('says what differs and why it matters, and changes nothing', async () => {
    const admin = new FakeAdmin({
      in: { partitions: 4 },
      out: { partitions: 2, replicas: 1 },
      drift: { partitions: 1, config: { 'cleanup.policy': 'delete' } },
    });
    const specs = [SPECS[0]!, spec('out', { replicationFactor: 3 }), SPECS[2]!];
    const [, out, drift] = await apply(admin, specs);
    expect(out?.differences).toEqual([
      'has 2 partitions, not 4: a key no longer keeps the partition number of its input, and adding partitions later moves keys',
      'has 1 replicas, not 3: fewer brokers may fail before records are lost',
    ]);
    expect(drift?.differences).toEqual(['has cleanup.policy=delete, not compact,delete']);
    expect(admin.created).toEqual([]);
  });

  it('does not mind the order of cleanup policies', async () => {
    const admin = new FakeAdmin({
      in: { partitions: 1 },
      out: { partitions: 1 },
      drift: { partitions: 1, config: { 'cleanup.policy': 'delete, compact' } },
    });
    expect((await apply(admin)).flatMap(({ differences }) => differences)).toEqual([]);
  });

  it('waits until every new partition has a leader', async () => {
    const admin = new FakeAdmin({ in: { partitions: 2 } });
    admin.leaderlessFor = 2;
    expect(short(await apply(admin)).length).toBe(3);
    expect(admin.topics.get('out')?.leaderlessFor).toBeLessThan(0);
  });

  it('gives up waiting with kafka_unavailable', async () => {
    const admin = new FakeAdmin({ in: { partitions: 2 } });
    admin.leaderlessFor = Number.POSITIVE_INFINITY;
    const clock = new ManualClock();
    // Each metadata request takes half a second of the clock's time, so no real time passes.
    const slow: TopicAdmin = {
      createTopics: (request) => admin.createTopics(request),
      describeConfigs: (request) => admin.describeConfigs(request),
      async fetchTopicMetadata() {
        queueMicrotask(() => setImmediate(() => clock.advance(500)));
        return admin.fetchTopicMetadata();
      },
    };
    await expect(applyTopics(slow, SPECS, { dryRun: false, clock, timeoutMs: 2_000 })).rejects.toMatchObject({
      code: 'kafka_unavailable',
      message: expect.stringContaining('out, drift: created, but not every partition has a leader after 2000 ms') as string,
    });
  });

  it('takes it well when somebody else was faster', async () => {
    const admin = new FakeAdmin({ in: { partitions: 2 } });
    const race: TopicAdmin = {
      fetchTopicMetadata: () => admin.fetchTopicMetadata(),
      describeConfigs: (request) => admin.describeConfigs(request),
      async createTopics(request) {
        await admin.createTopics(request);
        throw aggregate({ type: 'TOPIC_ALREADY_EXISTS', topic: 'out' });
      },
    };
    expect(short(await apply(race)).length).toBe(3);
  });

  it.each([
    ['INVALID_CONFIG', 'config_invalid', 'Kafka refuses to create out (INVALID_CONFIG: INVALID_CONFIG).'],
    ['INVALID_REPLICATION_FACTOR', 'config_invalid', 'out (INVALID_REPLICATION_FACTOR'],
    ['TOPIC_AUTHORIZATION_FAILED', 'not_authorized', 'TOPIC_AUTHORIZATION_FAILED'],
  ])('tells %s as %s', async (type, code, message) => {
    const admin = new FakeAdmin({ in: { partitions: 2 } });
    admin.refuse = aggregate({ type: 'TOPIC_ALREADY_EXISTS', topic: 'drift' }, { type, topic: 'out' });
    await expect(apply(admin)).rejects.toMatchObject({ code, message: expect.stringContaining(message) as string });
  });
});
