/**
 * The composition root of `weir run`: pipeline file → adapters → pipeline, drift merger and ops server. Nothing else
 * puts a worker together.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { type CreatePredictions, createEncoder } from '../avro/encoder.ts';
import { createOutputFraming } from '../avro/output-framing.ts';
import type { PipelineConfig } from '../config/index.ts';
import { systemClock } from '../core/clock.ts';
import { isRetriable, type WeirError } from '../core/errors.ts';
import { readOwnSchema } from '../core/own-schemas.ts';
import type { Logger } from '../core/ports.ts';
import { createKafka } from '../kafka/client.ts';
import { KafkaSource } from '../kafka/source.ts';
import { readModelPackage } from '../model/index.ts';
import { createMetrics, startOpsServer } from '../ops/index.ts';
import { createDeadLetterGuard, guarded } from '../pipeline/dead-letter-guard.ts';
import { MicroBatcher } from '../pipeline/micro-batcher.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { DEFAULT_RETRY } from '../pipeline/retry.ts';
import { runPipeline } from '../pipeline/run.ts';
import { WorkPool } from '../pipeline/work.ts';
import { createDrift, type Drift } from './drift.ts';
import { createHealth } from './health.ts';
import { createLabels, type Labels } from './labels/labels.ts';
import { createOutputSink } from './output-sink.ts';
import { leaveForPredecessors, type PoolPlace } from './pool-place.ts';
import { createScoring, createTopicCodec, waitOut } from './scoring.ts';
import { watchModel } from './model-gauges.ts';
import { watchSource } from './source-gauges.ts';
import { checkStockSwitches } from './stock-switches.ts';

/** What a worker may be given besides its pipeline file. */
export interface WorkerParts {
  /** Where it stands in a pool. */
  readonly place?: PoolPlace;
  /** Makes what writes predictions, in another form than `weir.v1.Prediction`. */
  readonly createPredictions?: CreatePredictions;
}

/**
 * Runs one worker until `stop` aborts and everything in flight is committed. What is not there yet (a broker, a store, the
 * registry) is waited for, and /readyz says so.
 * @throws WeirError when it cannot start or cannot go on
 */
export async function runWorker(config: PipelineConfig, logger: Logger, stop: AbortSignal, parts: WorkerParts = {}): Promise<void> {
  const closers: (() => Promise<void>)[] = [];
  const onClose = (close: () => Promise<void>): void => void closers.push(close);
  try {
    const pipeline = await assemble(config, logger, stop, onClose, parts).catch((thrown: unknown) => {
      // Told to stop while it waited for something at the start: nothing was in flight.
      if (!(stop.aborted && isRetriable(thrown))) throw thrown;
      logger.info({ reason: String(thrown) }, 'stopped before it had started');
      return undefined;
    });
    if (!pipeline) return;
    await runPipeline(pipeline, stop);
    logger.info({}, 'stopped: everything in flight is settled and committed');
  } finally {
    // In reverse order, and each one although another failed: a member that does not leave holds its partitions until its session ends.
    for (const close of closers.reverse()) {
      await close().catch((thrown: unknown) => logger.warn({ reason: String(thrown) }, 'closing failed'));
    }
  }
}

/** Puts a pipeline together; what must be closed in the end is given to `onClose` as soon as it is there. */
async function assemble(
  config: PipelineConfig,
  logger: Logger,
  stop: AbortSignal,
  onClose: (close: () => Promise<void>) => void,
  { place, createPredictions }: WorkerParts,
): Promise<Pipeline> {
  checkStockSwitches(config.delivery.mode, logger);
  const clock = systemClock;
  // New at every start: in a container host name and pid repeat.
  const workerId = `${hostname()}-${randomUUID().slice(0, 8)}`;
  const model = await readModelPackage(config.model.package);
  const metrics = createMetrics({ model, process: true, ...(place && { worker: place.index }) });
  const health = createHealth();
  if (place) place.show(metrics, health);
  else {
    const server = await startOpsServer({ ...config.ops, metrics, health, logger });
    onClose(() => server.close());
  }

  const surroundings = { clock, logger, metrics: metrics.pipeline, signal: stop };
  const scoring = await createScoring(config, surroundings, model);
  onClose(() => scoring.close());
  watchModel(scoring.model, metrics);
  const { predictions, deadLetters } = config.output;
  const framing = await waitOut(surroundings, 'schema registry', () =>
    createOutputFraming(predictions.format, readOwnSchema('prediction'), predictions.topic, scoring.registry),
  );
  const kafka = createKafka(config.kafka, logger);
  let lost: WeirError | undefined;
  const onFailure = (error: WeirError): void => void (lost ??= error);
  const drift = config.drift.enabled
    ? await waitOut(surroundings, 'drift', () =>
        createDrift({
          config,
          scoring,
          kafka,
          clock,
          logger,
          metrics: metrics.drift,
          workerId,
          onFailure,
        }),
      )
    : undefined;
  if (drift) onClose(() => drift.close());
  const labels = drift && (await labelsOf(drift));
  if (labels) onClose(() => labels.close());
  const source = new KafkaSource({ kafka, ...config.input, ...config.kafka, ...config.flow, clock, logger });
  onClose(() => source.close());
  watchSource(source, metrics);
  const { sink, topics } = await createOutputSink({
    config,
    kafka,
    source,
    topics: [predictions.topic, deadLetters.topic, ...(drift ? [config.drift.profilesTopic] : [])],
    onTransaction: (outcome, seconds) => metrics.delivery.transaction(outcome, seconds),
    ...(place && { placeInPool: place.index }),
    clock,
    logger,
  });
  onClose(() => sink.close());
  await waitOut(surroundings, 'Kafka', () => sink.start());
  if (place) {
    place.showMembers(() => [source.member ?? [], drift?.member ?? [], labels?.member ?? []].flat());
    await leaveForPredecessors(place, { kafka, clock, logger });
  }
  if (drift) await waitOut(surroundings, 'drift merger', () => drift.startMerger());
  if (labels) await waitOut(surroundings, 'labels', () => labels.start());
  health.started(config, source, scoring.stores);
  const encoder = createEncoder({
    layout: scoring.layout,
    framing,
    model,
    maxRecordBytes: topics.maxRecordBytes(predictions.topic),
    ...(createPredictions && { createPredictions }),
    deadLetters: { pipeline: config.name, worker: workerId, maxRecordBytes: topics.maxRecordBytes(deadLetters.topic) },
  });

  function labelsOf({ performance, home, reference }: Drift): Promise<Labels> | undefined {
    if (!config.labels || !performance) return undefined;
    return createLabels({
      config,
      labels: config.labels,
      scoring,
      drift: { home, reference, performance },
      predictionPrefixLength: framing.prefix.length,
      kafka,
      workerId,
      ...(place && { placeInPool: place.index }),
      metrics: metrics.labels,
      onFailure,
      clock,
      logger,
    });
  }

  return {
    source,
    sink,
    batcher: new MicroBatcher(config.batch),
    pool: new WorkPool(scoring.layout, scoring.model, config.batch.maxRows),
    codec: await createTopicCodec(config, scoring, surroundings),
    enrich: scoring.enrich,
    validate: scoring.validate,
    score: scoring.score,
    drift: drift?.observer,
    encoder: deadLetters.guard.enabled ? guarded(encoder, createDeadLetterGuard(deadLetters.guard), clock) : encoder,
    topics: { predictions: predictions.topic, deadLetters: deadLetters.topic },
    failure: () => lost,
    maxInFlight: config.flow.maxInFlightBatches,
    drainTimeoutMs: config.shutdownTimeoutMs,
    retry: DEFAULT_RETRY,
    clock,
    logger,
    metrics: metrics.pipeline,
  };
}
