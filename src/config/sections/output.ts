import { z } from 'zod';
import { count, topic, topicConfig } from '../scalars.ts';

/** `output`: topics with predictions and dead letters. */
export const outputSection = z
  .strictObject({
    predictions: z
      .strictObject({
        topic: topic().exactOptional().describe('Topic with the predictions; default: <name>.predictions.'),
        format: z
          .enum(['confluent', 'single-object', 'plain'])
          .exactOptional()
          .describe(
            'What stands before the Avro body of everything weir writes; default: confluent when a registry is given, else single-object.',
          ),
        compression: z.enum(['none', 'gzip']).default('none').describe('Compression of record batches.'),
        topicConfig: topicConfig(),
      })
      .prefault({})
      .describe('Predictions.'),
    deadLetters: z
      .strictObject({
        topic: topic().exactOptional().describe('Topic with the records that could not be scored; default: <name>.dead-letters.'),
        topicConfig: topicConfig(),
      })
      .prefault({})
      .describe('Dead letters: the original bytes, with the reason in headers.'),
    partitions: count(1, 100_000)
      .exactOptional()
      .describe(
        'Partitions of the topics that weir topics apply creates; default: as many as the input topic, which keeps a key in the same partition number.',
      ),
    replicationFactor: count(1, 100).default(1).describe('Replicas of the topics that weir topics apply creates.'),
  })
  .prefault({})
  .describe('Where predictions and dead letters go.');
