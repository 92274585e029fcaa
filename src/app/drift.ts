/** Drift of a worker: the observer that counts its rows, and the merger that adds up the counts of all workers. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Kafka } from 'kafkajs';
import { createOutputFraming } from '../avro/output-framing.ts';
import type { PipelineConfig } from '../config/index.ts';
import { type Clock, sleep } from '../core/clock.ts';
import { WeirError, weirErrorFrom } from '../core/errors.ts';
import type { OutputRecords } from '../core/outputs.ts';
import type { DriftObserver, Logger } from '../core/ports.ts';
import { createMerger, type Merger } from '../drift/merger.ts';
import { createDriftObserver } from '../drift/observer.ts';
import { parseReferenceProfile } from '../drift/reference-profile.ts';
import { driftProfileSchema, driftStatisticsSchema } from '../drift/schemas.ts';
import { weirErrorFromKafka } from '../kafka/errors.ts';
import { OutputProducer } from '../kafka/producer.ts';
import { KafkaSource } from '../kafka/source.ts';
import type { DriftMetrics } from '../ops/index.ts';
import type { Scoring } from './scoring.ts';

/** How often the merger looks whether a window is due while no counts come. */
const TICK_MS = 500;

/** What drift is made of. */
export interface DriftOptions {
  readonly config: PipelineConfig;
  readonly scoring: Scoring;
  readonly kafka: Kafka;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: DriftMetrics;
  readonly workerId: string;
}

/** Drift of one worker. */
export interface Drift {
  readonly observer: DriftObserver;
  /**
   * Joins the group of mergers; the member that holds the profiles partition does the work. Its state is the topic itself:
   * whoever gets the partition reads it from the beginning.
   */
  startMerger(): Promise<void>;
  /** Set when merging cannot go on. Scoring can: the worker reports it and stays ready. */
  readonly failure: WeirError | undefined;
  /** Publishes what is due and leaves the group. */
  close(): Promise<void>;
}

/**
 * Makes the drift half of a worker, or says why the model cannot have one.
 * @throws WeirError `reference_invalid`, or what the registry throws
 */
export async function createDrift(options: DriftOptions): Promise<Drift | undefined> {
  const { config, scoring, kafka, clock, logger, workerId } = options;
  const { drift } = config;
  const { package: pkg, model, layout, registry } = scoring;
  if (pkg.referenceFile === undefined || !existsSync(pkg.referenceFile)) {
    logger.warn({ model: model.name }, 'drift is off: the model package has no reference profile; make one with weir profile build');
    return undefined;
  }
  const reference = parseReferenceProfile(await readJson(pkg.referenceFile));
  const { format } = config.output.predictions;
  const profiles = await createOutputFraming(format, driftProfileSchema, drift.profilesTopic, registry);
  const statistics = await createOutputFraming(format, driftStatisticsSchema, drift.statisticsTopic, registry);
  const observer = createDriftObserver({ ...drift, layout, model, reference, prefix: profiles.prefix, clock, workerId });
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
  let merging: MergeLoop | undefined;

  return {
    observer,
    get failure() {
      return merging?.failure;
    },
    async startMerger() {
      await producer.start([drift.statisticsTopic]);
      merging = new MergeLoop(options, merger, producer);
      await merging.start();
    },
    async close() {
      await merging?.stop();
      await producer.close();
    },
  };
}

/** Reads the profiles topic into a merger and publishes what is due. */
class MergeLoop {
  failure: WeirError | undefined;
  private readonly options: DriftOptions;
  private readonly producer: OutputProducer;
  private readonly source: KafkaSource;
  private readonly stopping = new AbortController();
  private readonly unsent: OutputRecords[] = [];
  private readonly merger: Merger;
  private running: Promise<void> = Promise.resolve();

  constructor(options: DriftOptions, merger: Merger, producer: OutputProducer) {
    const { config, kafka, clock, logger } = options;
    this.options = options;
    this.producer = producer;
    this.merger = merger;
    this.source = new KafkaSource({
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

  async start(): Promise<void> {
    await this.source.start({
      onReady: () => {},
      onRevoked: (partitions) => this.merger.revoke(partitions),
      onRebalance: async () => {},
    });
    this.running = this.run().catch((thrown: unknown) => {
      this.failure = weirErrorFrom(thrown);
      this.options.logger.error({ error: this.failure }, 'drift statistics stop; scoring goes on');
    });
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    await this.source.close();
  }

  private async run(): Promise<void> {
    const { clock, logger } = this.options;
    while (!this.stopping.signal.aborted) {
      if (this.source.failure) throw this.source.failure;
      let merged = 0;
      for (let records = this.source.take(); records; records = this.source.take()) {
        this.merger.apply(records);
        this.source.release(records.count, records.bytes);
        merged += records.count;
      }
      // Half-read state is not published: statistics wait until the topic has been read to its end.
      if (this.source.assignment().length > 0 && isCaughtUp(this.source)) {
        try {
          await this.publish(false);
        } catch (thrown) {
          const error = weirErrorFrom(thrown);
          if (error.kind !== 'retriable') throw error;
          logger.warn({ reason: error.message }, 'drift statistics could not be published; they are tried again');
        }
      }
      if (merged === 0) await sleep(clock, TICK_MS, this.stopping.signal);
    }
    if (this.source.assignment().length > 0 && isCaughtUp(this.source)) await this.publish(true);
  }

  /** What the merger calls published must get out: statistics that could not be written are kept and come first next time. */
  private async publish(force: boolean): Promise<void> {
    const records = this.merger.due(force);
    if (records && records.count > 0) this.unsent.push(records);
    if (this.unsent.length === 0) return;
    await this.producer.send(this.unsent);
    this.unsent.length = 0;
    this.report();
  }

  /** Sets the gauges to the newest window that says something. */
  private report(): void {
    const { model, latest } = this.merger.snapshot();
    if (!latest) return;
    this.options.metrics.window({
      model: model.name,
      status: latest.status,
      rows: latest.events,
      windowEndMs: latest.windowEnd,
      features: latest.features.map(({ name, status, tvd }) => ({
        name,
        score: status === 'INSUFFICIENT_DATA' ? undefined : (tvd ?? undefined),
      })),
      prediction: latest.prediction.jsDistance ?? undefined,
    });
  }
}

/** Partitions of the input: no window closes before all of them were heard of. */
async function partitionsOf(kafka: Kafka, topic: string): Promise<number> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    return (await admin.fetchTopicOffsets(topic)).length;
  } catch (thrown) {
    throw weirErrorFromKafka(thrown, `looking at topic ${topic}`);
  } finally {
    await admin.disconnect();
  }
}

function isCaughtUp(source: KafkaSource): boolean {
  const unread = [...source.unread().values()];
  return unread.length > 0 && unread.every((records) => records === 0);
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new WeirError('reference_invalid', `${path}: ${(cause as Error).message}`, { cause });
  }
}
