/** Labels of a worker: joins them to the predictions of its partitions, and publishes how good the model is. */
import { paneGridOf } from '../../core/window-size.ts';
import type { Kafka } from 'kafkajs';
import { createDeadLetterEncoder } from '../../avro/dead-letter-encoder.ts';
import type { PipelineConfig } from '../../config/index.ts';
import type { Clock } from '../../core/clock.ts';
import type { WeirError } from '../../core/errors.ts';
import { OutputRecords } from '../../core/outputs.ts';
import type { Logger } from '../../core/ports.ts';
import { classIndex } from '../../drift/performance/counting.ts';
import { encodePerformanceDelta, layoutName, performanceKey } from '../../drift/performance/performance-delta.ts';
import { createExactlyOnceSink } from '../../kafka/exactly-once-sink.ts';
import { OutputTopics } from '../../kafka/output-topics.ts';
import { KafkaSource } from '../../kafka/source.ts';
import { partitionRanges } from '../../kafka/topic-reader.ts';
import { TopicTail } from '../../kafka/topic-tail.ts';
import { TransactionalProducer } from '../../kafka/transactional-producer.ts';
import { LabelJoin } from '../../labels/label-join.ts';
import type { Drift } from '../drift.ts';
import { readStateTopic } from '../drift-state.ts';
import type { GroupMemberId } from '../pool-place.ts';
import type { Scoring } from '../scoring.ts';
import { takeWorkerSlot } from '../worker-slot.ts';
import type { LabelMetrics } from '../../ops/index.ts';
import { JoinLoop } from './join-loop.ts';
import { createLabelReader, type LabelsConfig } from './label-reader.ts';
import { positionsIn, putPosition } from './saved-positions.ts';

/** What the joining of labels is made of. */
export interface LabelsOptions {
  readonly config: PipelineConfig;
  readonly labels: LabelsConfig;
  readonly scoring: Scoring;
  readonly drift: Pick<Drift, 'home' | 'reference'> & { readonly performance: NonNullable<Drift['performance']> };
  /** Bytes before the Avro body of a prediction. */
  readonly predictionPrefixLength: number;
  readonly kafka: Kafka;
  readonly workerId: string;
  /** Number of the worker in its pool of processes; absent when it is alone. */
  readonly placeInPool?: number;
  readonly metrics: LabelMetrics;
  /** Called once, when joining cannot go on: a worker that keeps its partitions would keep every other from joining them. */
  readonly onFailure: (error: WeirError) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Labels of one worker. */
export interface Labels {
  /** What this worker is in the group of those who join labels; undefined while it is not in it. */
  readonly member: GroupMemberId | undefined;
  /** Joins the group and begins. May be called again when it has thrown. @throws WeirError */
  start(): Promise<void>;
  /** Publishes what was counted and leaves the group. */
  close(): Promise<void>;
}

/**
 * Makes the labels half of a worker; it is not started.
 * @throws WeirError `config_invalid`, `schema_invalid`, `state_invalid`
 */
export async function createLabels(options: LabelsOptions): Promise<Labels> {
  const { config, labels, scoring, drift, kafka, workerId, clock, logger, onFailure } = options;
  const { model, registry } = scoring;
  const { layout } = drift.performance;
  const { task } = layout;
  const owner = { model: model.name, modelVersion: model.version, referenceId: drift.reference.referenceId, layout: layoutName(layout) };
  // A group for each version: each joins labels to its own predictions.
  const groupId = `${config.kafka.groupId}-labels-${model.name}-${model.version}`;
  const slot = await takeWorkerSlot(groupId, { from: options.placeInPool ?? 0 });
  const topics = new OutputTopics(kafka, clock);
  const { predictions, deadLetters } = config.output;
  const labelReader = await createLabelReader({ labels, task, registry, clock, logger });
  let source: KafkaSource | undefined;
  let loop: JoinLoop | undefined;

  function createLoop(): JoinLoop {
    const from = (source = predictionsSource(options, groupId));
    const letters = createDeadLetterEncoder({
      ...{ pipeline: config.name, worker: workerId, modelVersion: model.version },
      maxRecordBytes: topics.maxRecordBytes(deadLetters.topic),
    });
    return new JoinLoop({
      join: new LabelJoin({
        ...labels,
        model,
        layout,
        prefixLength: options.predictionPrefixLength,
        grid: paneGridOf(config.drift.windows, config.drift.paneMs),
        ...(task.kind === 'multiclass' ? { classIndex: (label: string) => classIndex(task.classes, label) } : {}),
      }),
      source: from,
      predictionsTopic: predictions.topic,
      tail: new TopicTail({ kafka, topic: labels.topic, clock, logger }),
      labelReader,
      sink: createExactlyOnceSink({
        createProducer: () =>
          new TransactionalProducer({
            kafka,
            transactionalId: slot.id,
            transactionTimeoutMs: config.delivery.transactionTimeoutMs,
            compression: 'none',
          }),
        limitsOf: (topic) => topics.limitsOf(topic),
        source: from,
        commitIntervalMs: 0,
        clock,
        logger,
      }),
      readPositions: async () => positionsIn(await readStateTopic(kafka, config.drift.stateTopic), owner),
      ends: async () => ({
        predictions: await partitionRanges(kafka, predictions.topic),
        labels: await partitionRanges(kafka, labels.topic),
      }),
      outputsOf(partition, panes, position) {
        const timestampMs = clock.wallMs();
        const deltas = new OutputRecords(drift.home.topic);
        const key = Buffer.from(performanceKey(model));
        for (const some of panes) {
          const delta = { ...owner, predictionsPartition: partition, emittedAt: timestampMs, panes: some };
          const value = encodePerformanceDelta(drift.performance.deltaPrefix, delta);
          deltas.push({ partition: drift.home.partition, timestampMs, key, value });
        }
        const state = new OutputRecords(config.drift.stateTopic);
        putPosition(state, owner, partition, position, timestampMs);
        return deltas.count > 0 ? [deltas, state] : [state];
      },
      encodeLetters: (rows, into) => letters.encodeDeadLetters(rows, clock.wallMs(), into),
      deadLettersTopic: deadLetters.topic,
      flushIntervalMs: labels.flushIntervalMs,
      metrics: options.metrics,
      onFailure(error) {
        logger.error({ code: error.code, reason: error.message }, 'labels cannot be joined any more');
        onFailure(error);
      },
      clock,
      logger,
    });
  }

  return {
    get member() {
      return source?.member;
    },
    async start() {
      await topics.lookUp([drift.home.topic, config.drift.stateTopic, deadLetters.topic]);
      const begun = createLoop();
      loop = begun;
      try {
        await begun.start();
      } catch (thrown) {
        loop = undefined;
        await begun.stop().catch((cause: unknown) => logger.warn({ reason: String(cause) }, 'closing failed'));
        throw thrown;
      }
    },
    async close() {
      await loop?.stop();
      await slot.release();
    },
  };
}

function predictionsSource({ config, kafka, clock, logger }: LabelsOptions, groupId: string): KafkaSource {
  return new KafkaSource({
    kafka,
    ...config.kafka,
    ...config.flow,
    topic: config.output.predictions.topic,
    groupId,
    // All predictions that there are can be labelled; where to begin counting stands in the state topic.
    startFrom: 'earliest',
    onOutOfRange: 'earliest',
    clock,
    logger,
  });
}
