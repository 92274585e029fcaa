import { type Clock, sleep } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';
import { rootCause, weirErrorFromKafka } from './errors.ts';

/** A topic that a pipeline needs. */
export interface TopicSpec {
  readonly topic: string;
  /** What it is for, in words: `predictions`. */
  readonly role: string;
  /** `input`: as many as the input topic has. */
  readonly partitions: number | 'input';
  readonly replicationFactor: number;
  /** Settings by Kafka's names. */
  readonly config: Readonly<Record<string, string>>;
  /** True: others write it, and it is never created here unless `partitions` is a number. The topics of ours take their partition count from the first such. */
  readonly isInput?: boolean;
}

/** What became of one topic. */
export interface TopicReport {
  readonly topic: string;
  readonly role: string;
  /** `planned`: would be created, but this is a dry run. `missing`: cannot be created without being told more. */
  readonly state: 'exists' | 'created' | 'planned' | 'missing';
  /** Partitions it has or would get; undefined when that is not known yet. */
  readonly partitions: number | undefined;
  /** Settings it has been or would be created with. */
  readonly config: Readonly<Record<string, string>>;
  /** Where an existing topic is not as wanted, and why that matters. Nothing is changed about it. */
  readonly differences: readonly string[];
}

/** What of kafkajs' admin client is used; tests give their own. */
export interface TopicAdmin {
  fetchTopicMetadata(): Promise<{ topics: { name: string; partitions: { leader: number; replicas: number[] }[] }[] }>;
  describeConfigs(request: {
    includeSynonyms: boolean;
    resources: { type: number; name: string; configNames: string[] }[];
  }): Promise<{ resources: { resourceName: string; configEntries: { configName: string; configValue: string }[] }[] }>;
  createTopics(request: {
    waitForLeaders: boolean;
    topics: { topic: string; numPartitions: number; replicationFactor: number; configEntries: { name: string; value: string }[] }[];
  }): Promise<boolean>;
}

/** How topics are applied. */
export interface ApplyOptions {
  /** True: look, but create nothing. */
  readonly dryRun: boolean;
  readonly clock: Clock;
  /** How long to wait until every new partition has a leader. */
  readonly timeoutMs?: number;
}

const TOPIC_RESOURCE = 2;
const POLL_MS = 100;

/**
 * Creates the topics that are not there and compares those that are. Safe to repeat; changes nothing that exists.
 * @throws WeirError `topic_missing` when the input topic is needed and not there, `not_authorized`, `kafka_unavailable`
 */
export async function applyTopics(admin: TopicAdmin, specs: readonly TopicSpec[], options: ApplyOptions): Promise<TopicReport[]> {
  try {
    const existing = await partitionsByTopic(admin);
    const input = specs.find((spec) => spec.isInput);
    const inputPartitions = input && (existing.get(input.topic)?.length ?? (input.partitions === 'input' ? undefined : input.partitions));
    const countOf = (spec: TopicSpec): number | undefined => {
      const told = spec.partitions === 'input' ? undefined : spec.partitions;
      // Another input need not be as wide as the first, and what it is, is for others to say.
      return spec.isInput && spec !== input ? (existing.get(spec.topic)?.length ?? told) : (told ?? inputPartitions);
    };
    const counts = new Map(specs.map((spec) => [spec.topic, countOf(spec)]));
    const unknown = specs.filter((spec) => !existing.has(spec.topic) && counts.get(spec.topic) === undefined);
    if (unknown.length > 0 && input && !options.dryRun) {
      const ours = unknown.filter((spec) => !spec.isInput).map((spec) => spec.topic);
      const what =
        inputPartitions === undefined
          ? `The input topic ${input.topic} does not exist, so the number of partitions of ${ours.join(', ')} is not known.`
          : `The topic ${unknown[0]!.topic} (${unknown[0]!.role}) does not exist, and is not weir's to create.`;
      throw new WeirError('topic_missing', `${what} Create it, or say --with-input <partitions>.`);
    }
    const wanted = specs.filter((spec) => !existing.has(spec.topic) && counts.get(spec.topic) !== undefined);
    if (!options.dryRun && wanted.length > 0) await create(admin, wanted, counts, options);
    const configs = await configsOf(
      admin,
      specs.filter((spec) => existing.has(spec.topic)),
    );
    return specs.map((spec): TopicReport => {
      const { topic, role, config } = spec;
      const found = existing.get(topic);
      const partitions = found?.length ?? counts.get(topic);
      if (!found)
        return {
          topic,
          role,
          config,
          partitions,
          differences: [],
          state: partitions === undefined ? 'missing' : options.dryRun ? 'planned' : 'created',
        };
      return {
        topic,
        role,
        config,
        partitions,
        state: 'exists',
        differences: differencesOf(spec, found, counts.get(topic), configs.get(topic)),
      };
    });
  } catch (thrown) {
    throw weirErrorFromKafka(thrown, 'applying topics');
  }
}

type Partitions = readonly { readonly leader: number; readonly replicas: readonly number[] }[];

async function partitionsByTopic(admin: TopicAdmin): Promise<Map<string, Partitions>> {
  // All topics: asking for one that does not exist is an error, and on some clusters creates it.
  const { topics } = await admin.fetchTopicMetadata();
  return new Map(topics.map(({ name, partitions }) => [name, partitions]));
}

async function configsOf(admin: TopicAdmin, specs: readonly TopicSpec[]): Promise<Map<string, Map<string, string>>> {
  const resources = specs
    .filter((spec) => Object.keys(spec.config).length > 0)
    .map((spec) => ({ type: TOPIC_RESOURCE, name: spec.topic, configNames: Object.keys(spec.config) }));
  if (resources.length === 0) return new Map();
  const found = await admin.describeConfigs({ includeSynonyms: false, resources });
  return new Map(
    found.resources.map(({ resourceName, configEntries }) => [
      resourceName,
      new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
    ]),
  );
}

async function create(
  admin: TopicAdmin,
  specs: readonly TopicSpec[],
  counts: ReadonlyMap<string, number | undefined>,
  { clock, timeoutMs = 15_000 }: ApplyOptions,
): Promise<void> {
  const topics = specs.map((spec) => ({
    topic: spec.topic,
    numPartitions: counts.get(spec.topic)!,
    replicationFactor: spec.replicationFactor,
    configEntries: Object.entries(spec.config).map(([name, value]) => ({ name, value })),
  }));
  try {
    // kafkajs' own waitForLeaders fails now and then on KRaft although the topic exists; hence the poll below.
    await admin.createTopics({ waitForLeaders: false, topics });
  } catch (thrown) {
    const refused = refusals(thrown);
    if (refused.length > 0) throw new WeirError('config_invalid', `Kafka refuses to create ${refused.join('; ')}.`, { cause: thrown });
    // Else every failure was "already exists": somebody else was faster.
    if (!isAggregate(thrown)) throw thrown;
  }
  const deadline = clock.monotonicMs() + timeoutMs;
  for (;;) {
    const existing = await partitionsByTopic(admin);
    const waiting = topics.filter(({ topic, numPartitions }) => {
      const partitions = existing.get(topic) ?? [];
      return partitions.filter(({ leader }) => leader >= 0).length < numPartitions && !hasAllLeaders(partitions);
    });
    if (waiting.length === 0) return;
    if (clock.monotonicMs() >= deadline) {
      const names = waiting.map(({ topic }) => topic).join(', ');
      throw new WeirError('kafka_unavailable', `${names}: created, but not every partition has a leader after ${timeoutMs} ms.`);
    }
    await sleep(clock, POLL_MS);
  }
}

const hasAllLeaders = (partitions: Partitions): boolean => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0);

interface AggregateError extends Error {
  readonly errors: readonly (Error & { readonly type?: string; readonly topic?: string })[];
}

const isAggregate = (thrown: unknown): thrown is AggregateError => thrown instanceof Error && thrown.name === 'KafkaJSAggregateError';

/** What Kafka says of topics that it will not create, other than that they exist and other than what waiting cures. */
function refusals(thrown: unknown): string[] {
  if (!isAggregate(thrown)) return [];
  const errors = thrown.errors.filter((error) => error.type !== 'TOPIC_ALREADY_EXISTS');
  for (const error of errors) if (/AUTHORIZATION/.test(error.type ?? '')) throw error;
  return errors.map((error) => `${error.topic ?? 'a topic'} (${error.type ?? rootCause(error).name}: ${error.message})`);
}

function differencesOf(
  spec: TopicSpec,
  found: Partitions,
  wanted: number | undefined,
  config: ReadonlyMap<string, string> | undefined,
): string[] {
  const differences: string[] = [];
  if (wanted !== undefined && found.length !== wanted) {
    const why = spec.isInput
      ? 'the number of partitions bounds the number of workers'
      : 'a key no longer keeps the partition number of its input, and adding partitions later moves keys';
    differences.push(`has ${found.length} partitions, not ${wanted}: ${why}`);
  }
  const replicas = Math.min(...found.map((partition) => partition.replicas.length));
  if (!spec.isInput && found.length > 0 && replicas < spec.replicationFactor)
    differences.push(`has ${replicas} replicas, not ${spec.replicationFactor}: fewer brokers may fail before records are lost`);
  for (const [name, value] of Object.entries(spec.config)) {
    const actual = config?.get(name);
    if (actual !== undefined && normal(actual) !== normal(value)) differences.push(`has ${name}=${actual}, not ${value}`);
  }
  return differences;
}

/** `compact,delete` and `delete, compact` are the same. */
const normal = (value: string): string =>
  value
    .split(',')
    .map((part) => part.trim())
    .sort()
    .join(',');
