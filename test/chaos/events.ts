/**
 * The inputs of the chaos suite. All of an event follows from the seed of the run and its sequence number, so the checker can say
 * what must come out without reading what went in.
 */
import { fileURLToPath } from 'node:url';
import avsc from 'avsc';
import { randomFrom, seedOf } from './random.ts';

/** Keys of the records; a key belongs to one partition, and its sequence numbers increase. */
export const KEYS = 997;

/** Entities with a row in the feature group. */
export const ENTITIES = 2_000;

/** Numbers of an event, and features of an entity. */
export const NUMBERS = 12;

/** Folder of the model package that the pipeline of the suite uses. */
export const MODEL_FOLDER = fileURLToPath(new URL('model/1', import.meta.url));

/** Avro schema of the events. */
export const EVENT_SCHEMA = {
  type: 'record',
  name: 'ChaosEvent',
  namespace: 'chaos',
  fields: [
    { name: 'sequence', type: 'long' },
    { name: 'entityId', type: 'string' },
    ...Array.from({ length: NUMBERS }, (_, i) => ({ name: `f${i}`, type: 'double' })),
  ],
};

const eventType = avsc.Type.forSchema(EVENT_SCHEMA as avsc.Schema);

/** Index of the key of an event; keys come in a scrambled but seeded order, each about equally often. */
export function keyOf(seed: number, sequence: number): number {
  return mod(sequence * 7_919 + seed, KEYS);
}

/** Index of the entity of an event. */
export function entityOf(seed: number, sequence: number): number {
  return mod(seedOf(seed, sequence, 1), ENTITIES);
}

/** The numbers of an event. */
export function numbersOf(seed: number, sequence: number): number[] {
  const random = randomFrom(seedOf(seed, sequence, 2));
  return Array.from({ length: NUMBERS }, () => random() * 2 - 1);
}

/** The features of an entity, with six digits, since they stand in Redis as text. */
export function featuresOf(entity: number): number[] {
  const random = randomFrom(seedOf(entity, 3));
  return Array.from({ length: NUMBERS }, () => Number((random() * 2 - 1).toFixed(6)));
}

/** An event, field by field. */
export function eventOf(seed: number, sequence: number): Record<string, unknown> {
  const event: Record<string, unknown> = { sequence, entityId: `e${entityOf(seed, sequence)}` };
  numbersOf(seed, sequence).forEach((value, i) => {
    event[`f${i}`] = value;
  });
  return event;
}

/** The Avro body of an event. */
export function encodeEvent(seed: number, sequence: number): Buffer {
  return eventType.toBuffer(eventOf(seed, sequence));
}

/** Keys of poison begin so; whether bytes are an event cannot be told from the bytes alone. */
export const POISON = 'poison-';

/** True for the key, in base64, of poison. */
export function isPoisonKey(key: string | null): boolean {
  return key !== null && Buffer.from(key, 'base64').toString('latin1').startsWith(POISON);
}

/** The sequence number in an Avro body that starts at `at`, whatever newer schemas have added behind it; undefined: no event. */
export function sequenceIn(value: Buffer, at = 0): number | undefined {
  try {
    return (eventType.fromBuffer(value.subarray(at), undefined, true) as { sequence: number }).sequence;
  } catch {
    return undefined;
  }
}

function mod(value: number, by: number): number {
  return ((value % by) + by) % by;
}
