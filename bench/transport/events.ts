/** What `bench/transport` reads and writes: Avro events of twelve numbers, and the trivial model that both sides run. */
import avsc from 'avsc';

/** Floats of an event, which are the features. */
export const FEATURES = 12;
/** Id of the event schema in the registry; the value begins with `00` and this as int32. */
export const SCHEMA_ID = 1;
/** Version and name that predictions carry. */
export const MODEL = { name: 'bench', version: '1' } as const;
/** Records that a partition has in common: distinct events, used again and again. */
const DISTINCT_EVENTS = 10_000;
const PREFIX_BYTES = 5;

/** Writer schema of the events. `payload` fills them up to their size. */
export const EVENT_SCHEMA = {
  type: 'record',
  name: 'TransportEvent',
  namespace: 'bench',
  fields: [
    { name: 'eventId', type: 'string' },
    { name: 'eventTime', type: { type: 'long', logicalType: 'timestamp-millis' } },
    ...Array.from({ length: FEATURES }, (_, i) => ({ name: `f${i}`, type: 'float' })),
    { name: 'payload', type: 'bytes' },
  ],
};

/** What `avro` cells write: what a hand-written worker would. */
export const SCORE_SCHEMA = {
  type: 'record',
  name: 'TransportScore',
  namespace: 'bench',
  fields: [
    { name: 'offset', type: 'long' },
    { name: 'score', type: 'double' },
    { name: 'model', type: 'string' },
  ],
};

/** An event before it is written. */
export interface SampleRecord {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** Distinct events whose values have exactly `valueBytes` bytes. */
export function sampleRecords(valueBytes: number): SampleRecord[] {
  const type = avsc.Type.forSchema(EVENT_SCHEMA as avsc.Schema);
  return Array.from({ length: DISTINCT_EVENTS }, (_, i) => {
    const event: Record<string, unknown> = { eventId: `event-${i}`, eventTime: 1_700_000_000_000 + i, payload: Buffer.alloc(0) };
    for (let f = 0; f < FEATURES; f++) event[`f${f}`] = Math.fround(Math.sin(i * FEATURES + f));
    // The length of the payload takes a byte more from 64 bytes on.
    const empty = PREFIX_BYTES + type.toBuffer(event).length;
    const rest = valueBytes - empty;
    event['payload'] = Buffer.alloc(rest < 64 ? rest : rest - 1, 7);
    const body = type.toBuffer(event);
    const value = Buffer.alloc(PREFIX_BYTES + body.length);
    value.writeInt32BE(SCHEMA_ID, 1);
    body.copy(value, PREFIX_BYTES);
    if (value.length !== valueBytes) throw new Error(`An event has ${value.length} bytes instead of ${valueBytes}.`);
    return { key: Buffer.from(`entity-${String(i % 10_000).padStart(4, '0')}`), value };
  });
}

/** The model: the logistic of the mean. */
export function scoreOf(features: Float32Array, from: number): number {
  let sum = 0;
  for (let f = 0; f < FEATURES; f++) sum += features[from + f]!;
  return 1 / (1 + Math.exp(-sum / FEATURES));
}
