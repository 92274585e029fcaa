/** `weir profile build`: runs the pipeline over past events and counts them into a reference profile. */
import { createAvroCodec } from '../avro/codec.ts';
import { readAvroContainer } from '../avro/container-file.ts';
import { readSchemaFile } from '../avro/schema-sources.ts';
import type { PipelineConfig } from '../config/index.ts';
import { systemClock } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';
import type { Codec, Logger, Source } from '../core/ports.ts';
import { silentMetrics } from '../core/silent.ts';
import { createReferenceBuilder } from '../drift/reference-builder.ts';
import type { PerformanceTask } from '../drift/performance/layout.ts';
import type { ReferenceProfile } from '../drift/reference-profile.ts';
import { withAdmin } from '../kafka/admin.ts';
import { createKafka } from '../kafka/client.ts';
import { KafkaSource } from '../kafka/source.ts';
import { MicroBatcher } from '../pipeline/micro-batcher.ts';
import { DEFAULT_RETRY } from '../pipeline/retry.ts';
import { runPipeline } from '../pipeline/run.ts';
import { WorkPool } from '../pipeline/work.ts';
import { ContainerSource } from './container-source.ts';
import { discardingSink } from './discarding-sink.ts';
import { readTruths, type Truths } from './labels/reference-truths.ts';
import { performanceTaskFrom } from './labels/task.ts';
import { createScoring, createTopicCodec, type Scoring, type Surroundings } from './scoring.ts';
import { waitingForStores } from './stores.ts';

/** Where the events of a reference profile come from. */
export interface ProfileOptions {
  readonly config: PipelineConfig;
  /** An Avro container file; absent: the input topic, from its beginning to the end it has now. */
  readonly file?: string;
  /** Topic to read instead of the input topic. */
  readonly topic?: string;
  /** Events at most. */
  readonly limit?: number;
  /** What turned out to be true of the events; absent: what `labels` of a pipeline file says, when the events come from a topic. */
  readonly truths?: Truths;
  readonly logger: Logger;
  /** Called now and then with the number of events seen. */
  readonly onProgress?: (events: number) => void;
}

/** A profile and what became of the events. */
export interface BuiltProfile {
  readonly profile: ReferenceProfile;
  readonly events: number;
  /** Events that could not be scored, by code; they are not in the profile. */
  readonly failures: ReadonlyMap<string, number>;
}

/**
 * Scores the events as `weir run` would, stores included, and builds the profile of their columns and scores. Nothing is
 * written to Kafka and no offset is committed.
 * @throws WeirError
 */
export async function buildProfile(options: ProfileOptions): Promise<BuiltProfile> {
  const { config, logger } = options;
  const clock = systemClock;
  const stop = new AbortController();
  const surroundings = { clock, logger, metrics: silentMetrics, signal: stop.signal };
  // A reference of stand-ins would call real values drift.
  const scoring = await createScoring(waitingForStores(config), surroundings);
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  let events = 0;
  const failures = new Map<string, number>();
  let source: Source | undefined;
  try {
    const { labels } = config;
    // Also without labels: the bins are then those that labels will be counted in.
    const task = options.truths?.task ?? (labels && performanceTaskFrom(labels, scoring.package.outputs));
    const truths = options.truths ?? (task && (await truthsOf(options, task, scoring, surroundings)));
    const builder = createReferenceBuilder({ layout: scoring.layout, model: scoring.model, ...(task ? { task } : {}) });
    const bounded =
      options.file === undefined ? await openTopic(options) : { source: new ContainerSource(options.file, limit), ends: undefined };
    const { ends } = bounded;
    source = bounded.source;
    await runPipeline(
      {
        source,
        sink: discardingSink(({ partition, nextOffset }) => {
          if (ends && nextOffset >= (ends.get(partition) ?? 0)) ends.delete(partition);
          if (ends?.size === 0 || events >= limit) stop.abort();
        }),
        batcher: new MicroBatcher({ ...config.batch, eager: false }),
        pool: new WorkPool(scoring.layout, scoring.model, config.batch.maxRows),
        codec:
          options.file === undefined
            ? await createTopicCodec(config, scoring, surroundings)
            : await createFileCodec(options.file, config, scoring, logger),
        enrich: scoring.enrich,
        validate: scoring.validate,
        score: scoring.score,
        drift: {
          observe(rows, scores) {
            builder.observe(rows, scores, truths?.of(rows));
            events += rows.count;
            for (let row = 0; rows.failed > 0 && row < rows.count; row++) {
              const code = rows.codeOf(row);
              if (code) failures.set(code, (failures.get(code) ?? 0) + 1);
            }
            options.onProgress?.(events);
          },
          advance: () => {},
          takeDeltas: () => undefined,
          revoke: () => {},
        },
        encoder: { encode: () => {} },
        topics: { predictions: '', deadLetters: '' },
        maxInFlight: config.flow.maxInFlightBatches,
        drainTimeoutMs: config.shutdownTimeoutMs,
        retry: DEFAULT_RETRY,
        clock,
        logger,
        metrics: silentMetrics,
      },
      stop.signal,
    );
    return { profile: builder.build(), events, failures };
  } finally {
    await source?.close();
    await scoring.close();
  }
}

/** The labels of the pipeline file. A container file has neither keys nor the places of records in a topic, which labels name. */
async function truthsOf(
  { config, file, logger }: ProfileOptions,
  task: PerformanceTask,
  scoring: Scoring,
  surroundings: Surroundings,
): Promise<Truths | undefined> {
  const { labels } = config;
  if (!labels) return undefined;
  if (file !== undefined) {
    logger.warn({ file }, 'labels are left out: events of a file have no keys that a label could name; use --topic');
    return undefined;
  }
  return readTruths({ ...surroundings, labels, task, registry: scoring.registry, kafka: createKafka(config.kafka, logger) });
}

/** Records of a container file are plain Avro in the file's own schema, whatever the topic's wire format is. */
async function createFileCodec(path: string, config: PipelineConfig, { layout }: Scoring, logger: Logger): Promise<Codec> {
  return createAvroCodec({
    format: 'plain',
    ...(config.input.schema ? { readerSchema: await readSchemaFile(config.input.schema) } : {}),
    writerSchemas: [readAvroContainer(path).schema],
    layout,
    tombstones: 'skip',
    clock: systemClock,
    logger,
  });
}

/** The topic from its beginning, read by a group of its own, with the ends it has now. */
async function openTopic({
  config,
  topic = config.input.topic,
  logger,
}: ProfileOptions): Promise<{ source: Source; ends: Map<number, number> }> {
  const kafka = createKafka(config.kafka, logger);
  const offsets = await withAdmin(kafka, `looking at topic ${topic}`, (admin) => admin.fetchTopicOffsets(topic));
  const ends = new Map(offsets.filter((o) => Number(o.high) > Number(o.low)).map((o) => [o.partition, Number(o.high)]));
  if (ends.size === 0) throw new WeirError('reference_invalid', `Topic ${topic} is empty: there is nothing to build a profile from.`);
  const source = new KafkaSource({
    kafka,
    ...config.input,
    ...config.kafka,
    ...config.flow,
    topic,
    groupId: `${config.kafka.groupId}-profile-${crypto.randomUUID()}`,
    startFrom: 'earliest',
    onOutOfRange: 'earliest',
    clock: systemClock,
    logger,
  });
  return { source, ends };
}
