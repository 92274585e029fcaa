import { z } from 'zod';
import { eventField, path, topic, topicConfig } from '../scalars.ts';

/** Wire formats of input records: Avro behind one of several headers, or JSON. */
export const INPUT_FORMATS = ['confluent', 'confluent-header', 'apicurio', 'apicurio-header', 'single-object', 'plain', 'json'] as const;

/** `input`: the topic with feature events. */
export const inputSection = z
  .strictObject({
    topic: topic().describe('Topic with the feature events.'),
    format: z
      .enum(INPUT_FORMATS)
      .describe(
        'How records are written. Avro, by what stands before the body: confluent (byte 0, 4-byte id), confluent-header (id or GUID in a header), apicurio (byte 0, 8-byte id), apicurio-header, single-object (C3 01 and the fingerprint) or plain (nothing). json: the value is one JSON object.',
      ),
    schema: path()
      .exactOptional()
      .describe(
        'Reader schema (.avsc), for Avro. Absent: columns bind to the fields of each writer schema. With plain it is the writer schema too, unless writerSchemas is given.',
      ),
    writerSchemas: z
      .array(path())
      .default([])
      .describe(
        'Writer schemas as files, for records that no registry knows: with single-object found by fingerprint, with plain the first one is used.',
      ),
    eventTime: eventField()
      .exactOptional()
      .describe('Field with the event time, such as event.departedAt; default: the timestamp of the record.'),
    tombstones: z.enum(['skip', 'dead-letter']).default('skip').describe('What to do with records without a value.'),
    startFrom: z.enum(['earliest', 'latest']).default('earliest').describe('Where a group without committed offsets begins.'),
    onOutOfRange: z
      .enum(['fail', 'earliest', 'latest'])
      .default('fail')
      .describe(
        'When retention removed records that were never scored: stop with an error, or go on at one end. Records are lost either way; the choice is whether silently.',
      ),
    topicConfig: topicConfig(),
  })
  .describe('Where feature events come from.');
