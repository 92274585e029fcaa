/** Puts together what all runs of a benchmark share: the scoring half of the pipeline, its events and its encoders. */
import { createAvroCodec } from '../../avro/codec.ts';
import { createEncoder } from '../../avro/encoder.ts';
import { createOutputFraming } from '../../avro/output-framing.ts';
import { readSchemaFile } from '../../avro/schema-sources.ts';
import type { PipelineConfig } from '../../config/index.ts';
import { WeirError } from '../../core/errors.ts';
import { readOwnSchema } from '../../core/own-schemas.ts';
import type { Codec, DriftObserver, Encoder, PipelineMetrics } from '../../core/ports.ts';
import { driftProfileSchema } from '../../drift/schemas.ts';
import { createKafka } from '../../kafka/client.ts';
import { createMetrics } from '../../ops/index.ts';
import { observerOf, readReference } from '../drift.ts';
import { createScoring, createTopicCodec, type Scoring } from '../scoring.ts';
import { waitingForStores } from '../stores.ts';
import type { Surroundings } from '../waiting.ts';
import { capturedPool, type EventPool, syntheticPool } from './event-pool.ts';
import { createEventFrame, findEventSchema, localRegistry } from './event-schema.ts';
import { createHints } from './hints.ts';
import { Random } from '../../core/random.ts';

/** Entities that are looked for in the store of a group. */
const MAX_ENTITIES = 100_000;

/** Which events a benchmark offers. */
export interface EventsOptions {
  /** Schema file of made-up events. */
  readonly schema?: string;
  /** Replay so many records of the input topic instead. */
  readonly fromTopic?: number;
  /** Made-up events. */
  readonly count: number;
  readonly seed: number;
}

/** What the events were, for the report. */
export interface EventsReport {
  readonly kind: 'synthetic' | 'captured';
  /** The schema, or the topic. */
  readonly origin: string;
  readonly count: number;
  /** Key, value and headers, on average. */
  readonly bytesPerEvent: number;
  /** Entities found in the stores, by feature group; empty for captured events, which have their own. */
  readonly entities: Readonly<Record<string, number>>;
}

/** A pipeline without Kafka, ready to be run any number of times. */
export interface Prepared {
  readonly config: PipelineConfig;
  readonly scoring: Scoring;
  readonly codec: Codec;
  readonly encoder: Encoder;
  readonly pool: EventPool;
  readonly events: EventsReport;
  readonly metrics: PipelineMetrics;
  /** A new observer of drift for each run; absent when drift is off or the model has no reference profile. */
  readonly createObserver?: () => DriftObserver;
}

/**
 * Loads the model, connects to the stores and makes the events. Nothing is written to Kafka, to the registry or to a store.
 * @throws WeirError
 */
export async function prepareBench(
  config: PipelineConfig,
  options: EventsOptions,
  outer: Omit<Surroundings, 'metrics'>,
): Promise<Prepared> {
  const metrics = createMetrics({ model: { name: 'bench', version: '0' } }).pipeline;
  const surroundings = { ...outer, metrics };
  // Stand-ins would cost less than what they stand for.
  const scoring = await createScoring(waitingForStores(config), surroundings);
  try {
    const { layout, model } = scoring;
    const made =
      options.fromTopic === undefined
        ? await makeUp(config, options, scoring, surroundings)
        : await capture(config, options.fromTopic, scoring, surroundings);
    const { format, topic } = config.output.predictions;
    const framing = await createOutputFraming(format, readOwnSchema('prediction'), topic, localRegistry());
    const reference = config.drift.enabled ? await readReference(scoring, outer.logger) : undefined;
    const { prefix } = await createOutputFraming(format, driftProfileSchema, config.drift.profilesTopic, localRegistry());
    return {
      config,
      scoring,
      ...made,
      metrics,
      encoder: createEncoder({ layout, framing, model, deadLetters: { pipeline: config.name, worker: 'bench' } }),
      ...(reference && {
        createObserver: () => observerOf(config.drift, { scoring, reference, prefix, clock: outer.clock, workerId: 'bench' }),
      }),
    };
  } catch (thrown) {
    await scoring.close();
    throw thrown;
  }
}

type Made = Pick<Prepared, 'pool' | 'codec' | 'events'>;

async function makeUp(
  config: PipelineConfig,
  options: EventsOptions,
  { layout, stores }: Scoring,
  { clock, logger }: Surroundings,
): Promise<Made> {
  const { input } = config;
  const { format } = input;
  if (format === 'json')
    throw new WeirError(
      'bench_without_events',
      'JSON events have no schema to make up events from; replay those of the input topic with --from-topic.',
    );
  const schema = await findEventSchema(config, options.schema, logger);
  const entities = new Map<string, readonly string[]>();
  for (const { name } of layout.groups)
    entities.set(name, await stores.get(config.features[name]!.store)!.sampleEntities(name, MAX_ENTITIES));
  const random = new Random(options.seed);
  const pool = syntheticPool({
    schema: schema.parsed,
    hints: createHints(layout, entities, random),
    random,
    nowMs: clock.wallMs(),
    frame: createEventFrame(format, schema.parsed),
    count: options.count,
  });
  const codec = createAvroCodec({
    format,
    ...(input.schema ? { readerSchema: await readSchemaFile(input.schema) } : {}),
    writerSchemas: [schema.json],
    writerSchemasName: `The schema to make events of (${schema.origin})`,
    registry: localRegistry(schema),
    layout,
    tombstones: input.tombstones,
    clock,
    logger,
  });
  const found = Object.fromEntries([...entities].map(([name, { length }]) => [name, length]));
  return { pool, codec, events: { kind: 'synthetic', origin: schema.origin, ...sizeOf(pool), entities: found } };
}

async function capture(config: PipelineConfig, count: number, scoring: Scoring, surroundings: Surroundings): Promise<Made> {
  const kafka = createKafka(config.kafka, surroundings.logger);
  const { topic } = config.input;
  const pool = await capturedPool(kafka, topic, count, surroundings.signal);
  const codec = await createTopicCodec(config, scoring, surroundings);
  return { pool, codec, events: { kind: 'captured', origin: topic, ...sizeOf(pool), entities: {} } };
}

function sizeOf({ buffer, count }: EventPool): Pick<EventsReport, 'count' | 'bytesPerEvent'> {
  return { count, bytesPerEvent: Math.round(buffer.length / count) };
}
