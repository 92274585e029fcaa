/** Drift of a worker: the observer that counts its rows, and the merger that adds up the counts of all workers. */
import { existsSync } from 'node:fs';
import type { Kafka } from 'kafkajs';
import { createOutputFraming, type OutputFraming } from '../avro/output-framing.ts';
import type { PipelineConfig } from '../config/index.ts';
import type { Clock } from '../core/clock.ts';
import type { WeirError } from '../core/errors.ts';
import type { DriftObserver, Logger } from '../core/ports.ts';
import type { TopicPartition } from '../core/records.ts';
import { createMerger } from '../drift/merger.ts';
import { createDriftObserver, profileKey } from '../drift/observer.ts';
import type { ReferenceProfile } from '../drift/reference-profile.ts';
import { driftCountsSchema, driftProfileSchema, driftStatisticsSchema, retrainRequestSchema } from '../drift/schemas.ts';
import { withAdmin } from '../kafka/admin.ts';
import { createExactlyOnceSink } from '../kafka/exactly-once-sink.ts';
import { partitionOfKey } from '../kafka/murmur2.ts';
import { OutputTopics } from '../kafka/output-topics.ts';
import { KafkaSource } from '../kafka/source.ts';
import { TransactionalProducer } from '../kafka/transactional-producer.ts';
import type { DriftMetrics } from '../ops/index.ts';
import { type MergedPerformance, mergedPerformanceOf } from './drift-performance.ts';
import { readStateTopic } from './drift-state.ts';
import { readPinnedFile, readReferenceFile } from './reference-file.ts';
import { MergeLoop } from './merge-loop.ts';
import { PerformanceGauges } from './performance-gauges.ts';
import type { GroupMemberId } from './pool-place.ts';
import type { Scoring } from './scoring.ts';

/** What drift is made of. */
export interface DriftOptions {
  readonly config: PipelineConfig;
  readonly scoring: Scoring;
  readonly kafka: Kafka;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: DriftMetrics;
  readonly workerId: string;
  /**
   * Called once, when merging cannot go on. Scoring could, but a worker that keeps its membership of the mergers would
   * keep every other from doing the work: end it. Default: it is only logged.
   */
  readonly onFailure?: (error: WeirError) => void;
}

/** Drift of one worker. */
export interface Drift {
  readonly observer: DriftObserver;
  readonly reference: ReferenceProfile;
  /** How performance is counted and framed; undefined without `labels`. */
  readonly performance: MergedPerformance | undefined;
  /** The partition of the profiles topic in which all that is counted for this model version goes. */
  readonly home: TopicPartition;
  /** What this worker is in the group of mergers; undefined while it is not in it. */
  readonly member: GroupMemberId | undefined;
  /**
   * Joins the group of mergers; the member that holds the profiles partition does the work, and goes on where the last one has saved
   * its state. May be called again when it has thrown.
   */
  startMerger(): Promise<void>;
  /** Publishes what is due and leaves the group; ends a `startMerger` that is under way. */
  close(): Promise<void>;
}

/**
 * Makes the drift half of a worker, or says why the model cannot have one.
 * @throws WeirError `reference_invalid`, or what the registry throws
 */
export async function createDrift(options: DriftOptions): Promise<Drift | undefined> {
  const { config, scoring, kafka, clock, logger, workerId } = options;
  const { drift } = config;
  const { model, registry } = scoring;
  const reference = await readReference(scoring, logger);
  if (!reference) return undefined;
  const { format } = config.output.predictions;
  const framing = (schema: unknown, topic: string): Promise<OutputFraming> => createOutputFraming(format, schema, topic, registry);
  const profiles = await framing(driftProfileSchema, drift.profilesTopic);
  const statistics = await framing(driftStatisticsSchema, drift.statisticsTopic);
  const counts = await framing(driftCountsSchema, drift.countsTopic);
  const requests = drift.retrain.enabled ? await framing(retrainRequestSchema, drift.retrain.topic) : undefined;
  const performance = await mergedPerformanceOf(config, scoring.package.outputs, reference, framing);
  const observer = observerOf(drift, { scoring, reference, prefix: profiles.prefix, clock, workerId });
  const partitions = await partitionCounts(kafka, [config.input.topic, drift.profilesTopic]);
  const { retrain, reference: decidedBy, pinned: pinnedFile, ...settings } = drift;
  const pinned = pinnedFile === undefined ? undefined : await readPinnedFile(pinnedFile, reference);
  const merger = createMerger({
    ...settings,
    ...(requests ? { retrain: { ...retrain, prefix: requests.prefix } } : {}),
    ...(performance ? { performance } : {}),
    ...(pinned && { pinned }),
    decidedBy,
    reference,
    model,
    partitions: partitions.get(config.input.topic)!,
    profilesPrefix: profiles.prefix,
    statisticsPrefix: statistics.prefix,
    countsPrefix: counts.prefix,
    clock,
    logger,
  });
  const key = Buffer.from(profileKey(model));
  const home = { topic: drift.profilesTopic, partition: partitionOfKey(key, 0, key.length, partitions.get(drift.profilesTopic)!) };
  // A group for each version: workers of another one cannot read its deltas, nor do its work.
  const groupId = `${config.kafka.groupId}-drift-${model.name}-${model.version}`;
  const outputTopics = new OutputTopics(kafka, clock);
  let source: KafkaSource | undefined;
  const merging = new MergeLoop({
    merger,
    home,
    createSource: (onUnstable) => (source = profilesSource(options, groupId, onUnstable)),
    createSink: () =>
      createExactlyOnceSink({
        createProducer: () =>
          new TransactionalProducer({
            kafka,
            // The same for all, so that who takes over ends what the last one has left open.
            transactionalId: groupId,
            transactionTimeoutMs: config.delivery.transactionTimeoutMs,
            compression: 'none',
          }),
        limitsOf: (topic) => outputTopics.limitsOf(topic),
        source: source!,
        commitIntervalMs: 0,
        clock,
        logger,
      }),
    readState: () => readStateTopic(kafka, drift.stateTopic),
    statisticsPrefix: statistics.prefix,
    statisticsTopic: drift.statisticsTopic,
    model: model.name,
    metrics: options.metrics,
    performance: performance && new PerformanceGauges({ ...performance, metrics: options.metrics }),
    onFailure(error) {
      logger.error({ code: error.code, reason: error.message }, 'drift statistics cannot go on');
      options.onFailure?.(error);
    },
    clock,
    logger,
  });

  return {
    observer,
    reference,
    performance,
    home,
    get member() {
      return source?.member;
    },
    async startMerger() {
      const { statisticsTopic, countsTopic, stateTopic, profilesTopic } = drift;
      const topics = [statisticsTopic, countsTopic, stateTopic, profilesTopic];
      if (retrain.enabled) topics.push(retrain.topic);
      if (performance) topics.push(performance.topic);
      await outputTopics.lookUp(topics);
      await merging.start();
    },
    close: () => merging.stop(),
  };
}

/**
 * The reference profile of the model package; undefined, with a warning, when it has none.
 * @throws WeirError `reference_invalid`
 */
export async function readReference({ package: pkg, model }: Scoring, logger: Logger): Promise<ReferenceProfile | undefined> {
  if (pkg.referenceFile === undefined || !existsSync(pkg.referenceFile)) {
    logger.warn({ model: model.name }, 'drift is off: the model package has no reference profile; make one with weir profile build');
    return undefined;
  }
  return readReferenceFile(pkg.referenceFile);
}

/** What counts the rows of a pipeline. @throws WeirError `reference_invalid` when the profile is not of this model */
export function observerOf(
  drift: PipelineConfig['drift'],
  {
    scoring,
    ...rest
  }: Pick<DriftOptions, 'scoring' | 'clock' | 'workerId'> & { readonly reference: ReferenceProfile; readonly prefix: Buffer },
): DriftObserver {
  return createDriftObserver({ ...drift, layout: scoring.layout, model: scoring.model, ...rest });
}

function profilesSource({ config, kafka, clock, logger }: DriftOptions, groupId: string, onUnstable: () => void): KafkaSource {
  return new KafkaSource({
    kafka,
    ...config.kafka,
    ...config.flow,
    topic: config.drift.profilesTopic,
    groupId,
    // Without a state that was saved, or where it was saved too long ago, all that the topic has is counted.
    startFrom: 'earliest',
    onOutOfRange: 'earliest',
    onUnstable,
    clock,
    logger,
  });
}

/** Partitions of topics. No window closes before all of the input were heard of. */
function partitionCounts(kafka: Kafka, topics: readonly string[]): Promise<Map<string, number>> {
  return withAdmin(kafka, `looking at topics ${topics.join(' and ')}`, async (admin) => {
    const counts = topics.map(async (topic) => [topic, (await admin.fetchTopicOffsets(topic)).length] as const);
    return new Map(await Promise.all(counts));
  });
}
