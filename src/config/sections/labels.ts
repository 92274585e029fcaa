import { z } from 'zod';
import { count, duration, eventField, path, topic, topicConfig } from '../scalars.ts';
import { INPUT_FORMATS } from './input.ts';

/** Measures that a verdict on performance can be about. */
export const PERFORMANCE_METRICS = ['auc', 'accuracy', 'precision', 'recall', 'f1', 'logLoss', 'brier', 'mae', 'rmse'] as const;

/** `labels`: what turned out to be true, and how good the predictions were. */
export const labelsSection = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Join labels. Off: as if the section were not there.'),
    topic: topic().describe(
      'Topic with the labels. All labels of one id must be in one partition, as when the id is the key: else which of them counts depends on the order in which partitions are read.',
    ),
    format: z.enum(INPUT_FORMATS).exactOptional().describe('How labels are written; default: as input.format.'),
    schema: path().exactOptional().describe('Reader schema (.avsc), for Avro. Absent: fields are those of each writer schema.'),
    writerSchemas: z.array(path()).default([]).describe('Writer schemas as files, for records that no registry knows.'),
    match: z
      .enum(['key', 'predictionId'])
      .default('key')
      .describe(
        'What a label names. key: the key of the input record, which its prediction keeps; the label holds for all predictions of that key within ttlMs. predictionId: the one prediction with that id.',
      ),
    id: eventField()
      .exactOptional()
      .describe('Field of the label that names the prediction, such as event.orderId; default: the key of the record.'),
    value: eventField().describe('Field with the truth, such as event.isFraud. A label without a value is passed over.'),
    time: eventField().exactOptional().describe('Field with the time at which the truth was known; default: the timestamp of the record.'),
    task: z
      .enum(['binary', 'multiclass', 'regression'])
      .exactOptional()
      .describe(
        'What the score is held against: yes or no, a class, or a number. Default: binary when the model has a threshold or positive is given, multiclass when classes are given, else regression.',
      ),
    positive: z
      .union([
        z.strictObject({ above: z.number().describe('Truth is yes when the value is greater than this.') }),
        z.strictObject({ equals: z.union([z.string(), z.number(), z.boolean()]).describe('Truth is yes when the value is this.') }),
      ])
      .exactOptional()
      .describe('For binary: which values mean yes. Default: true, and numbers above 0.5.'),
    classes: z
      .array(z.string())
      .min(2)
      .max(50)
      .exactOptional()
      .describe('For multiclass: the classes that are told apart, as the model names them.'),
    ttlMs: duration(1_000)
      .prefault('7d')
      .describe(
        'A label counts when its time is at most so much away from that of its prediction. A prediction is held in memory so long.',
      ),
    maxPredictions: count(1_000)
      .default(1_000_000)
      .describe(
        'Predictions that a worker holds at most, some 100 bytes each, and as many labels that wait for theirs. When there are more the oldest go, and labelCoverage shows it.',
      ),
    flushIntervalMs: duration(1).prefault(1_000).describe('How often a worker publishes what it has counted.'),
    performanceTopic: topic().exactOptional().describe('Topic with the performance per window; default: <name>.performance.'),
    topicConfig: topicConfig(),
    performanceTopicConfig: topicConfig(),
    metric: z
      .enum(PERFORMANCE_METRICS)
      .exactOptional()
      .describe('The measure that the verdict is about; default: auc for binary, accuracy for multiclass, rmse for regression.'),
    maxDrop: z
      .number()
      .gt(0)
      .default(0.05)
      .describe('Performance has fallen when metric is worse than in the reference by this: absolute, for errors and losses relative.'),
    minSamples: count().default(1_000).describe('Labelled predictions below which a window says INSUFFICIENT_DATA.'),
  })
  .exactOptional()
  .describe('Labels, joined to predictions: how good the model is, by window of the event time of the predictions. Needs drift.');
