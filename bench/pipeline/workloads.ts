/**
 * Workloads of `bench/pipeline`: a pipeline file, feature rows for Redis and events for the input topic. The flights
 * are real; `w2*` are synthetic (12 numbers of an event and 12 features of a user), the workload that hand-written workers in
 * other languages are measured on.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import avsc from 'avsc';
import { featureRows } from '../../examples/flights/features.ts';
import { examplePath, type FlightRecord, readFlights } from '../../examples/flights/flight-data.ts';
import { FLIGHT_ARRIVED_SCHEMA, FlightsInTheAir } from '../../examples/flights/flight-arrival.ts';
import { FLIGHT_DEPARTED_SCHEMA, flightDeparted } from '../../examples/flights/flight-event.ts';
import { Random, Zipf } from '../../src/core/random.ts';

/** An event before it is framed. */
export interface BenchEvent {
  readonly key: string;
  readonly body: Buffer;
}

/** One row of a feature group. */
export interface BenchFeatureRow {
  readonly entity: string;
  readonly values: Readonly<Record<string, number | string | null>>;
}

/** A workload. */
export interface Workload {
  readonly name: string;
  readonly description: string;
  readonly schema: unknown;
  /** Environment for the pipeline file. */
  readonly env: Readonly<Record<string, string>>;
  /** Path of the pipeline file. */
  configPath(folder: string): string;
  events(count: number): Iterable<BenchEvent>;
  readonly groups: Readonly<Record<string, () => Iterable<BenchFeatureRow>>>;
  /** What became of the first so many events, where the pipeline file has labels. */
  readonly labels?: { readonly schema: unknown; of(count: number): Iterable<BenchEvent> };
}

const USERS = 100_000;
const YEAR_MS = 365 * 86_400_000;

const FEATURE_EVENT = {
  type: 'record',
  name: 'FeatureEvent',
  namespace: 'bench',
  fields: [
    { name: 'eventId', type: 'string' },
    { name: 'entityId', type: 'string' },
    { name: 'eventTime', type: { type: 'long', logicalType: 'timestamp-millis' } },
    ...Array.from({ length: 12 }, (_, i) => ({ name: `f${i}`, type: 'double' })),
  ],
};

/** The workloads by name. */
export const WORKLOADS: Readonly<Record<string, Workload>> = Object.fromEntries(
  [
    flights('flights-gbt', 'json'),
    flights('flights-gbt', 'packed'),
    flights('flights-mlp', 'packed'),
    synthetic('w2', 'tab', 'hash', 'Avro, HMGET of 12 text fields, MLP 24-64-32-1'),
    synthetic('w2p', 'tab', 'packed', 'Avro, packed features, MLP 24-64-32-1'),
    synthetic('w2g', 'gbt', 'hash', 'Avro, HMGET of 12 text fields, 100 trees of depth 6'),
  ].map((workload) => [workload.name, workload]),
);

function flights(model: string, layout: string): Workload {
  const groups = Object.fromEntries((['plane', 'airport', 'route', 'carrier'] as const).map((group) => [group, () => featureRows(group)]));
  return {
    name: `${model}-${layout}`,
    description: `Avro, four feature groups as ${layout}, ${model.slice(8)}, drift on`,
    schema: FLIGHT_DEPARTED_SCHEMA,
    // Labels are measured by bench/pipeline/monitoring.ts.
    env: { FLIGHTS_MODEL: model, FLIGHTS_LAYOUT: layout, FLIGHTS_LABELS: 'false' },
    configPath: () => examplePath('weir.yaml'),
    groups,
    labels: {
      schema: FLIGHT_ARRIVED_SCHEMA,
      *of(count) {
        const type = avsc.Type.forSchema(FLIGHT_ARRIVED_SCHEMA as avsc.Schema, { wrapUnions: false });
        const inTheAir = new FlightsInTheAir();
        let departed = 0;
        let year = 0;
        const landed = (untilMs: number): BenchEvent[] =>
          inTheAir.landed(untilMs).map(({ flightId, arrivedAt, ...rest }) => {
            const event = { flightId: flightIn(year, flightId), arrivedAt: arrivedAt + year * YEAR_MS, ...rest };
            return { key: event.flightId, body: type.toBuffer(event) };
          });
        for (const next of manyYears(count)) {
          // At the turn of the year all have landed.
          if (next.year !== year) yield* landed(Number.POSITIVE_INFINITY);
          year = next.year;
          inTheAir.departed([next.flight]);
          if (++departed % 100 === 0) yield* landed(next.flight.departedAt);
        }
        yield* landed(Number.POSITIVE_INFINITY);
      },
    },
    *events(count) {
      const type = avsc.Type.forSchema(FLIGHT_DEPARTED_SCHEMA as avsc.Schema);
      for (const { flight, year } of manyYears(count)) {
        const departed = flightDeparted(flight);
        // Its weather, plane and route are those of the first year, which the store has.
        const event = { ...departed, flightId: flightIn(year, departed.flightId), departedAt: departed.departedAt + year * YEAR_MS };
        yield { key: event.flightId, body: type.toBuffer(event) };
      }
    },
  };
}

/** So many flights: the year 2013, and again in each of the years after it. */
function* manyYears(count: number): Generator<{ readonly flight: FlightRecord; readonly year: number }> {
  for (let made = 0, year = 0; made < count; year++) {
    for (const flight of readFlights()) {
      yield { flight, year };
      if (++made === count) return;
    }
  }
}

function flightIn(year: number, flightId: string): string {
  return year === 0 ? flightId : `${flightId}-${year}`;
}

function synthetic(name: string, model: string, layout: string, description: string): Workload {
  return {
    name,
    description,
    schema: FEATURE_EVENT,
    env: {},
    groups: {
      *user() {
        const random = new Random(7);
        for (let user = 0; user < USERS; user++) {
          yield {
            entity: String(user),
            values: Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`g${i}`, Number((random.next() * 2 - 1).toFixed(6))])),
          };
        }
      },
    },
    configPath(folder) {
      mkdirSync(folder, { recursive: true });
      const path = join(folder, `${name}.yaml`);
      writeFileSync(path, syntheticPipeline(model, layout));
      return path;
    },
    *events(count) {
      const type = avsc.Type.forSchema(FEATURE_EVENT as avsc.Schema);
      const random = new Random(11);
      const zipf = new Zipf(USERS, 0.99, random);
      for (let i = 0; i < count; i++) {
        const event: Record<string, unknown> = { eventId: `e${i}`, entityId: String(zipf.next()), eventTime: 1_700_000_000_000 + i };
        for (let f = 0; f < 12; f++) event[`f${f}`] = random.next() * 2 - 1;
        yield { key: String(event['entityId']), body: type.toBuffer(event) };
      }
    },
  };
}

function syntheticPipeline(model: string, layout: string): string {
  const folder = fileURLToPath(new URL(`models/${model}/1`, import.meta.url));
  return `name: bench
kafka: {brokers: "\${KAFKA_BROKERS}", groupId: "\${FLIGHTS_PREFIX}-scorer"}
registry: {url: "\${SCHEMA_REGISTRY_URL}"}
input: {topic: "\${FLIGHTS_PREFIX}.departed", format: confluent, eventTime: event.eventTime}
stores: {main: {kind: redis, url: "\${REDIS_URL}"}}
features:
  user: {store: main, entity: event.entityId, layout: ${layout}, keyPrefix: "\${FLIGHTS_KEY_PREFIX}:user:"}
model: {package: ${JSON.stringify(folder)}}
batch: {maxRows: 1024}
output:
  predictions: {topic: "\${FLIGHTS_PREFIX}.predictions"}
  deadLetters: {topic: "\${FLIGHTS_PREFIX}.dead-letters"}
drift: {enabled: false}
ops: {port: "\${WEIR_OPS_PORT:-0}"}
`;
}
