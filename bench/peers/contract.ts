/**
 * The contract of the hand-written workers that weir is measured against: what a worker is told by its environment, and the bytes that it
 * reads and writes. Each workload is a topic, an ONNX model and a Redis.
 *
 * `w2`: events are `00 00000001` and Avro of `FEATURE_EVENT`; features of a user are the hash `features:user:<entity_id>` (fields g0 … g11,
 * decimal text) or, packed, the string `fp:user:<entity_id>` (12 float32, little-endian); predictions are `00 00000002` and Avro of
 * `PREDICTION`. `w1`: events are JSON `{"id", "ts", "data": "f,f,…"}` with 784 numbers, predictions JSON `{"id", "ts", "prediction": "p0,…,p9"}`.
 */

/** Numbers of an event of `w2`, and features of a user. */
export const NUMBERS = 12;
/** Numbers of an event of `w1`. */
export const LIST_LENGTH = 784;

/** Registry id of `FEATURE_EVENT`. */
export const EVENT_SCHEMA_ID = 1;
/** Registry id of `PREDICTION`. */
export const PREDICTION_SCHEMA_ID = 2;

/** Avro schema of the events of `w2`. */
export const FEATURE_EVENT = {
  type: 'record',
  name: 'FeatureEvent',
  namespace: 'peers',
  fields: [
    { name: 'event_id', type: 'string' },
    { name: 'entity_id', type: 'string' },
    { name: 'event_time', type: { type: 'long', logicalType: 'timestamp-millis' } },
    ...Array.from({ length: NUMBERS }, (_, i) => ({ name: `f${i}`, type: 'double' })),
  ],
};

/** Avro schema of the predictions of `w2`. */
export const PREDICTION = {
  type: 'record',
  name: 'Prediction',
  namespace: 'peers',
  fields: [
    { name: 'event_id', type: 'string' },
    { name: 'entity_id', type: 'string' },
    { name: 'score', type: 'float' },
    { name: 'model_version', type: 'string' },
    { name: 'scored_at', type: { type: 'long', logicalType: 'timestamp-millis' } },
  ],
};

/** What a worker is told. */
export interface Contract {
  readonly brokers: string;
  readonly inputTopic: string;
  readonly outputTopic: string;
  readonly groupId: string;
  /** host:port */
  readonly redis: string;
  readonly modelFile: string;
  readonly workload: 'w1' | 'w2';
  readonly layout: 'hash' | 'packed';
  readonly delivery: 'at-least-once' | 'exactly-once';
}

/** Reads the contract from the environment. @throws Error naming the variable that is missing or wrong */
export function contractFrom(env: NodeJS.ProcessEnv): Contract {
  const text = (name: string): string => {
    const value = env[name];
    if (value === undefined || value === '') throw new Error(`${name} is not set; see bench/peers/README.md for the contract.`);
    return value;
  };
  const oneOf = <T extends string>(name: string, fallback: T, ...others: T[]): T => {
    const value = (env[name] ?? fallback) as T;
    if (![fallback, ...others].includes(value))
      throw new Error(`${name} is ${value}; it must be one of ${[fallback, ...others].join(', ')}.`);
    return value;
  };
  return {
    brokers: text('KB'),
    inputTopic: text('IN'),
    outputTopic: text('OUT'),
    groupId: text('GROUP'),
    redis: env['REDIS'] ?? '127.0.0.1:6379',
    modelFile: text('MODEL'),
    workload: oneOf('WL', 'w2', 'w1'),
    layout: oneOf('RMODE', 'hash', 'packed'),
    delivery: oneOf('MODE', 'alo', 'eos') === 'eos' ? 'exactly-once' : 'at-least-once',
  };
}
