import type { PipelineConfig } from '../config/index.ts';
import { systemClock } from '../core/clock.ts';
import type { Logger } from '../core/ports.ts';
import { maxMessageBytes, withAdmin } from '../kafka/admin.ts';
import { createKafka } from '../kafka/client.ts';
import { applyTopics, type TopicReport, type TopicSpec } from '../kafka/topics.ts';

export type { TopicReport } from '../kafka/topics.ts';

const DAY_MS = 86_400_000;
/** Kafka's default of `max.message.bytes`. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;
/** Room for the headers that say what happened. */
const DEAD_LETTER_HEADER_BYTES = 65_536;

/**
 * The topics that a pipeline needs, input first.
 * @param inputPartitions partitions to create the input topic with, and that of labels; undefined: they must exist
 * @param inputMessageBytes the largest record that the input topic accepts
 */
export function topicSpecs(
  config: PipelineConfig,
  inputPartitions?: number,
  inputMessageBytes: number = Number(config.input.topicConfig['max.message.bytes'] ?? DEFAULT_MAX_MESSAGE_BYTES),
): TopicSpec[] {
  const { input, output, drift, labels } = config;
  const { replicationFactor } = output;
  const partitions = output.partitions ?? 'input';
  const specs: TopicSpec[] = [
    {
      topic: input.topic,
      role: 'input',
      partitions: inputPartitions ?? 'input',
      replicationFactor,
      config: input.topicConfig,
      isInput: true,
    },
    { topic: output.predictions.topic, role: 'predictions', partitions, replicationFactor, config: output.predictions.topicConfig },
    {
      // A dead letter is its input record and headers more: the largest record that the input accepts must fit.
      topic: output.deadLetters.topic,
      role: 'dead letters',
      partitions,
      replicationFactor,
      config: { 'max.message.bytes': String(inputMessageBytes + DEAD_LETTER_HEADER_BYTES), ...output.deadLetters.topicConfig },
    },
  ];
  if (!drift.enabled) return specs;
  // How long windows by a number of rows last is not known; what they wait for is in the state topic.
  const lengths = drift.windows.filter(({ rows }) => rows === undefined).map(({ longestMs }) => longestMs);
  return [
    ...specs,
    {
      // One partition: the counts of all workers for one model must be totally ordered for the merger, which goes on where its state
      // was saved; without a state, as with a new reference, it begins with what the topic still has.
      topic: drift.profilesTopic,
      role: 'drift profiles',
      partitions: 1,
      replicationFactor,
      config: {
        'cleanup.policy': 'delete',
        'retention.ms': String(Math.max(3 * DAY_MS, ...lengths.map((longestMs) => 2 * longestMs))),
        // The time by which windows close; clocks of workers differ.
        'message.timestamp.type': 'LogAppendTime',
        ...drift.profilesTopicConfig,
      },
    },
    {
      // Compacted, since a later revision of a window replaces the earlier one; deleted too, so that windows do not pile up.
      topic: drift.statisticsTopic,
      role: 'drift statistics',
      partitions: 1,
      replicationFactor,
      config: { 'cleanup.policy': 'compact,delete', 'retention.ms': String(365 * DAY_MS), ...drift.statisticsTopicConfig },
    },
    {
      topic: drift.countsTopic,
      role: 'drift counts',
      partitions: 1,
      replicationFactor,
      config: { 'cleanup.policy': 'compact,delete', 'retention.ms': String(365 * DAY_MS), ...drift.countsTopicConfig },
    },
    ...(drift.retrain.enabled
      ? [
          {
            // Few, and each a decision that somebody may want to look up.
            topic: drift.retrain.topic,
            role: 'retrain requests',
            partitions: 1,
            replicationFactor,
            config: { 'cleanup.policy': 'delete', 'retention.ms': String(365 * DAY_MS), ...drift.retrain.topicConfig },
          },
        ]
      : []),
    ...(labels
      ? [
          {
            topic: labels.topic,
            role: 'labels',
            partitions: inputPartitions ?? ('input' as const),
            replicationFactor,
            config: labels.topicConfig,
            isInput: true,
          },
          {
            // As drift statistics: a later record of a window replaces the earlier one.
            topic: labels.performanceTopic,
            role: 'performance',
            partitions: 1,
            replicationFactor,
            config: { 'cleanup.policy': 'compact,delete', 'retention.ms': String(365 * DAY_MS), ...labels.performanceTopicConfig },
          },
        ]
      : []),
    {
      // Read whole by whoever takes the merging over: small segments, cleaned soon.
      topic: drift.stateTopic,
      role: 'drift state',
      partitions: 1,
      replicationFactor,
      config: {
        'cleanup.policy': 'compact',
        'segment.bytes': String(32 << 20),
        'segment.ms': String(3_600_000),
        'min.cleanable.dirty.ratio': '0.1',
        ...drift.stateTopicConfig,
      },
    },
  ];
}

/** Creates what a pipeline needs, or only looks. @throws WeirError */
export async function applyPipelineTopics(
  config: PipelineConfig,
  options: { readonly dryRun: boolean; readonly withInput?: number; readonly logger: Logger },
): Promise<TopicReport[]> {
  const kafka = createKafka(config.kafka, options.logger, { retries: 2 });
  return withAdmin(kafka, `reaching ${config.kafka.brokers.join(', ')}`, async (admin) => {
    const { topic } = config.input;
    // Undefined where the topic does not exist yet.
    const inputBytes = (await admin.listTopics()).includes(topic) ? (await maxMessageBytes(admin, [topic])).get(topic) : undefined;
    return applyTopics(admin, topicSpecs(config, options.withInput, inputBytes), { dryRun: options.dryRun, clock: systemClock });
  });
}
