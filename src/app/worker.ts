/**
 * The composition root of `weir run`: pipeline file → adapters → pipeline, drift merger and ops server. Nothing else
 * puts a worker together.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { createEncoder } from '../avro/encoder.ts';
import { createOutputFraming } from '../avro/output-framing.ts';
import { readOwnSchema } from '../avro/own-schemas.ts';
import type { PipelineConfig } from '../config/index.ts';
import { systemClock } from '../core/clock.ts';
import type { Logger } from '../core/ports.ts';
import { createAtLeastOnceSink } from '../kafka/at-least-once-sink.ts';
import { createKafka } from '../kafka/client.ts';
import { OutputProducer } from '../kafka/producer.ts';
import { KafkaSource } from '../kafka/source.ts';
import { readModelPackage } from '../model/index.ts';
import { createMetrics, startOpsServer } from '../ops/index.ts';
import { MicroBatcher } from '../pipeline/micro-batcher.ts';
import { DEFAULT_RETRY } from '../pipeline/retry.ts';
import { runPipeline } from '../pipeline/run.ts';
import { WorkPool } from '../pipeline/work.ts';
import { createDrift, type Drift } from './drift.ts';
import { createScoring, createTopicCodec } from './scoring.ts';
import { watchSource } from './source-gauges.ts';

/**
 * Runs one worker until `stop` aborts and everything in flight is committed.
 * @throws WeirError when it cannot start or cannot go on
 */
export async function runWorker(config: PipelineConfig, logger: Logger, stop: AbortSignal): Promise<void> {
  const clock = systemClock;
  // New at every start: in a container host name and pid repeat.
  const workerId = `${hostname()}-${randomUUID().slice(0, 8)}`;
  const { name, version } = await readModelPackage(config.model.package);
  const metrics = createMetrics({ model: { name, version }, process: true });
  let source: KafkaSource | undefined;
  let isRunning = false;
  const notReady: (() => string | undefined)[] = [() => (isRunning ? undefined : 'starting: model, stores and topics')];
  const server = await startOpsServer({
    ...config.ops,
    metrics,
    logger,
    health: {
      // A worker that cannot go on ends; as long as it answers, restarting it would cure nothing.
      live: () => true,
      ready() {
        const reasons = notReady.map((check) => check()).filter((reason) => reason !== undefined);
        return { ready: reasons.length === 0, reasons };
      },
    },
  });
  const closers: (() => Promise<void>)[] = [() => server.close()];
  try {
    const surroundings = { clock, logger, metrics: metrics.pipeline };
    const scoring = await createScoring(config, surroundings);
    closers.push(() => scoring.close());
    const kafka = createKafka(config.kafka, logger);
    const { predictions, deadLetters } = config.output;
    const framing = await createOutputFraming(predictions.format, readOwnSchema('prediction'), predictions.topic, scoring.registry);

    const drift: Drift | undefined = config.drift.enabled
      ? await createDrift({ config, scoring, kafka, clock, logger, metrics: metrics.drift, workerId })
      : undefined;
    if (drift) closers.push(() => drift.close());

    source = new KafkaSource({ kafka, ...config.input, ...config.kafka, ...config.flow, clock, logger });
    const kafkaSource = source;
    closers.push(() => kafkaSource.close());
    watchSource(kafkaSource, metrics);
    const sink = createAtLeastOnceSink({
      producer: new OutputProducer({ kafka, compression: predictions.compression }),
      topics: [predictions.topic, deadLetters.topic, ...(drift ? [config.drift.profilesTopic] : [])],
      commit: (positions) => kafkaSource.commit(positions),
      commitIntervalMs: config.delivery.commitIntervalMs,
      clock,
      logger,
    });
    closers.push(() => sink.close());
    await sink.start();
    await drift?.startMerger();

    notReady.push(
      () => (kafkaSource.stats.rebalances === 0 ? 'waiting for the consumer group' : undefined),
      ...[...scoring.stores].map(([name, store]) => () => {
        const waits = Object.values(config.features).some((group) => group.store === name && group.onUnavailable === 'pause');
        return waits && !store.isHealthy() ? `online store ${name} does not answer` : undefined;
      }),
    );
    isRunning = true;
    await runPipeline(
      {
        source: kafkaSource,
        sink,
        batcher: new MicroBatcher(config.batch),
        pool: new WorkPool(scoring.layout, scoring.model, config.batch.maxRows),
        codec: createTopicCodec(config, scoring, surroundings),
        enrich: scoring.enrich,
        validate: scoring.validate,
        score: scoring.score,
        drift: drift?.observer,
        encoder: createEncoder({
          layout: scoring.layout,
          framing,
          model: { name, version },
          deadLetters: { pipeline: config.name, worker: workerId },
        }),
        topics: { predictions: predictions.topic, deadLetters: deadLetters.topic },
        maxInFlight: config.flow.maxInFlightBatches,
        retry: DEFAULT_RETRY,
        clock,
        logger,
        metrics: metrics.pipeline,
      },
      stop,
    );
    logger.info({}, 'stopped: everything in flight is committed');
  } finally {
    // In reverse order of creation, and each one although another failed: a group member that does not leave holds its partitions until the session ends.
    for (const close of closers.reverse()) {
      await close().catch((thrown: unknown) => logger.warn({ reason: String(thrown) }, 'closing failed'));
    }
  }
}
