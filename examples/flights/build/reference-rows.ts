/**
 * Model inputs of the flights by a second way, for golden rows and for the test that compares weir's scores with it:
 * the container files read by avsc's own decoder, joined in plain objects as `data/source/train.py` does, scored by
 * onnxruntime-node directly. It shares no code with `src/` on purpose, but for the import that silences telemetry.
 */
import '../../../src/model/no-telemetry.ts'; // before ONNX Runtime
import { fileURLToPath } from 'node:url';
import avsc from 'avsc';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Columns by tensor as `train.py` writes them (`GROUPS` and `STRINGS`); the [N,24] tensor holds the numbers in this order. */
export const NUMBERS = {
  event: ['depDelayMinutes', 'scheduledMinute', 'dayOfWeek', 'distanceMiles', 'scheduledElapsedMinutes'],
  plane: ['yearBuilt', 'seats', 'engines'],
  airport: ['temp', 'dewp', 'humid', 'windSpeed', 'windGust', 'precip', 'pressure', 'visib', 'departures1h', 'meanDepDelay1h'],
  route: ['routeFlights14d', 'routeMeanArrDelay14d', 'routeLateRate14d'],
  carrier: ['carrierFlights7d', 'carrierMeanArrDelay7d', 'carrierLateRate7d'],
} as const;
export const STRINGS = ['carrierCode', 'origin', 'dest', 'manufacturer'] as const;

/** The models of the example. */
export const MODELS = ['flights-lr', 'flights-gbt', 'flights-mlp'] as const;
export type ModelName = (typeof MODELS)[number];

/** One flight as a model sees it. */
export interface ReferenceRow {
  /** Kafka key of the flight's events, such as `UA1545-EWR-20130101`. */
  readonly flightId: string;
  readonly departedAtMs: number;
  /** True when the feature group has a row for this flight. */
  readonly found: { readonly plane: boolean; readonly airport: boolean; readonly route: boolean; readonly carrier: boolean };
  /** Numbers are rounded to float32; null is no value. */
  readonly columns: Readonly<Record<string, number | string | null>>;
}

type Stored = Record<string, number | string | null>;

/** Flights of the given quarters in departure order, with the features they find in keyed mode. */
export async function* referenceRows(quarters: readonly number[] = [1, 2, 3, 4]): AsyncGenerator<ReferenceRow> {
  const planes = await index('planes.avro', (r) => String(r['tailnum']));
  const hours = await index('airport-hour.avro', (r) => `${r['origin']}|${r['validFrom']}`);
  const routes = await index('route-day.avro', (r) => `${r['route']}|${r['validFrom']}`);
  const carriers = await index('carrier-day.avro', (r) => `${r['carrier']}|${r['validFrom']}`);
  for (const quarter of quarters) {
    for await (const flight of records(`flights-2013-q${quarter}.avro`)) {
      const departedAt = Number(flight['departedAt']);
      const day = Math.floor((departedAt - 8 * HOUR_MS) / DAY_MS) * DAY_MS + 8 * HOUR_MS;
      const plane = planes.get(String(flight['tailnum']));
      const hour = hours.get(`${flight['origin']}|${Math.floor(departedAt / HOUR_MS) * HOUR_MS}`);
      const route = routes.get(`${flight['origin']}-${flight['dest']}|${day}`);
      const carrier = carriers.get(`${flight['carrier']}|${day}`);
      const localDate = new Date(Number(flight['localDate']) * DAY_MS);
      const event = { ...flight, dayOfWeek: localDate.getUTCDay() || 7 };
      const columns: Record<string, number | string | null> = {
        ...pick(event, NUMBERS.event),
        ...pick(plane, NUMBERS.plane),
        ...pick(hour, NUMBERS.airport),
        ...pick(route, NUMBERS.route),
        ...pick(carrier, NUMBERS.carrier),
        carrierCode: flight['carrier'] ?? null,
        origin: flight['origin'] ?? null,
        dest: flight['dest'] ?? null,
        manufacturer: plane?.['manufacturer'] ?? null,
      };
      yield {
        flightId: `${flight['carrier']}${flight['flightNumber']}-${flight['origin']}-${localDate.toISOString().slice(0, 10).replaceAll('-', '')}`,
        departedAtMs: departedAt,
        found: { plane: plane !== undefined, airport: hour !== undefined, route: route !== undefined, carrier: carrier !== undefined },
        columns,
      };
    }
  }
}

/**
 * Scores rows with onnxruntime-node directly, all in one run: `probabilities[:, 1]` and the int64 label as text.
 * @param modelFile the ONNX file; input names and order come from `train.py`, not from a manifest
 */
export async function scoreDirectly(
  model: ModelName,
  modelFile: string,
  rows: readonly ReferenceRow[],
): Promise<{ scores: Float32Array; labels: string[] }> {
  const session = await InferenceSession.create(modelFile, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 });
  try {
    const feeds: Record<string, Tensor> = {};
    if (model === 'flights-mlp') {
      for (const [group, names] of Object.entries(NUMBERS)) feeds[group] = numbersTensor(rows, names);
      for (const name of STRINGS) {
        const texts = rows.map((row) => String(row.columns[name] ?? ''));
        feeds[name] = new Tensor('string', texts, [rows.length, 1]);
      }
    } else {
      feeds['features'] = numbersTensor(rows, Object.values(NUMBERS).flat());
    }
    const results = await session.run(feeds);
    const probabilities = results['probabilities']!.data as Float32Array;
    const labels = results['label']!.data as BigInt64Array;
    return {
      scores: Float32Array.from({ length: rows.length }, (_, row) => probabilities[row * 2 + 1]!),
      labels: Array.from(labels, String),
    };
  } finally {
    await session.release();
  }
}

function numbersTensor(rows: readonly ReferenceRow[], names: readonly string[]): Tensor {
  const values = new Float32Array(rows.length * names.length);
  for (const [r, row] of rows.entries()) {
    for (const [c, name] of names.entries()) values[r * names.length + c] = Number(row.columns[name] ?? Number.NaN);
  }
  return new Tensor('float32', values, [rows.length, names.length]);
}

function pick(row: Stored | undefined, names: readonly string[]): Record<string, number | null> {
  const value = (name: string): number | null => {
    const stored = row?.[name];
    return stored === undefined || stored === null ? null : Math.fround(Number(stored));
  };
  return Object.fromEntries(names.map((name) => [name, value(name)]));
}

async function index(file: string, key: (row: Stored) => string): Promise<Map<string, Stored>> {
  const rows = new Map<string, Stored>();
  for await (const row of records(file)) rows.set(key(row), row);
  return rows;
}

function records(file: string): AsyncIterable<Stored> {
  return avsc.createFileDecoder(fileURLToPath(new URL(`../data/${file}`, import.meta.url))) as unknown as AsyncIterable<Stored>;
}
