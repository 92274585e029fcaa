/** Drift of a worker: the observer that counts its rows, and the merger that adds up the counts of all workers. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Kafka } from 'kafkajs';
import { createOutputFraming } from '../avro/output-framing.ts';
import type { PipelineConfig } from '../config/index.ts';
import type { Clock } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';
import type { DriftObserver, Logger } from '../core/ports.ts';
import { createMerger } from '../drift/merger.ts';
import { createDriftObserver } from '../drift/observer.ts';
import { parseReferenceProfile, type ReferenceProfile } from '../drift/reference-profile.ts';
import { driftProfileSchema, driftStatisticsSchema } from '../drift/schemas.ts';
import { withAdmin } from '../kafka/admin.ts';
import { OutputProducer } from '../kafka/producer.ts';
import { KafkaSource } from '../kafka/source.ts';
import type { DriftMetrics } from '../ops/index.ts';
import { MergeLoop } from './merge-loop.ts';
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
  /** What this worker is in the group of mergers; undefined while it is not in it. */
  readonly member: GroupMemberId | undefined;
  /**
   * Joins the group of mergers; the member that holds the profiles partition does the work. Its state is the topic itself:
   * whoever gets the partition reads it from the beginning. May be called again when it has thrown.
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
  const profiles = await createOutputFraming(format, driftProfileSchema, drift.profilesTopic, registry);
  const statistics = await createOutputFraming(format, driftStatisticsSchema, drift.statisticsTopic, registry);
  const observer = observerOf(drift, { scoring, reference, prefix: profiles.prefix, clock, workerId });
  const producer = new OutputProducer({ kafka, compression: 'none' });
  const merger = createMerger({
    ...drift,
    reference,
    model,
    partitions: await partitionsOf(kafka, config.input.topic),
    profilesPrefix: profiles.prefix,
    statisticsPrefix: statistics.prefix,
    clock,
    logger,
  });
  let source: KafkaSource | undefined;
  const merging = new MergeLoop({
    merger,
    createSource: () => (source = profilesSource(options)),
    send: (outputs) => producer.send(outputs),
    statisticsPrefix: statistics.prefix,
    model: model.name,
    metrics: options.metrics,
    onFailure(error) {
      logger.error({ code: error.code, reason: error.message }, 'drift statistics cannot go on');
      options.onFailure?.(error);
    },
    clock,
    logger,
  });

  return {
    observer,
    get member() {
      return source?.member;
    },
    async startMerger() {
      await producer.start([drift.statisticsTopic, drift.profilesTopic]);
      await merging.start();
    },
    async close() {
      await merging.stop();
      await producer.close();
    },
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
  return parseReferenceProfile(await readJson(pkg.referenceFile));
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

function profilesSource({ config, kafka, clock, logger }: DriftOptions): KafkaSource {
  return new KafkaSource({
    kafka,
    ...config.kafka,
    ...config.flow,
    topic: config.drift.profilesTopic,
    groupId: `${config.kafka.groupId}-drift`,
    // Nothing is ever committed here, so every new owner begins at the beginning and rebuilds the same state.
    startFrom: 'earliest',
    onOutOfRange: 'earliest',
    clock,
    logger,
  });
}

/** Partitions of the input: no window closes before all of them were heard of. */
function partitionsOf(kafka: Kafka, topic: string): Promise<number> {
  return withAdmin(kafka, `looking at topic ${topic}`, async (admin) => (await admin.fetchTopicOffsets(topic)).length);
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new WeirError('reference_invalid', `${path}: ${(cause as Error).message}`, { cause });
  }
}
