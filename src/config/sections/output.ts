import { z } from 'zod';
import { count, duration, topic, topicConfig } from '../scalars.ts';

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
        compression: z.enum(['none', 'gzip', 'snappy', 'lz4', 'zstd']).default('none').describe('Compression of record batches.'),
        topicConfig: topicConfig(),
      })
      .prefault({})
      .describe('Predictions.'),
    deadLetters: z
      .strictObject({
        topic: topic().exactOptional().describe('Topic with the records that could not be scored; default: <name>.dead-letters.'),
        topicConfig: topicConfig(),
        guard: z
          .strictObject({
            enabled: z.boolean().default(true).describe('Stop the worker when dead letters are too many; false: let them all through.'),
            maxShare: z.number().min(0).max(1).default(0.5).describe('Largest share of dead letters among the records of a worker.'),
            forMs: duration(1_000).prefault('60s').describe('How long the share must have been above before the worker stops.'),
            minRecords: count(1)
              .default(1_000)
              .describe(
                'Records that it must have been above for, so that little traffic needs more time. A worker that has scored nothing at all since it started stops after so many dead letters without waiting.',
              ),
          })
          .prefault({})
          .describe('Stops the worker (dead_letter_share_exceeded) instead of draining a whole topic into the dead letters.'),
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
