/** The files of `data/`: departed flights with their outcome, and feature rows. Nothing here is published as it is. */
import { fileURLToPath } from 'node:url';
import avsc from 'avsc';
import { readAvroContainer } from '../../src/avro/container-file.ts';

/** The example's own folder, in the source tree and in `dist` alike. */
export const EXAMPLE_FOLDER = exampleFolder();

/** Quarter files in event-time order; together the whole year. */
export const QUARTERS = [1, 2, 3, 4] as const;

/**
 * One departed flight as stored: what is known at departure and, beside it, the outcome.
 * `schemas/flight-record.avsc` gives the units. Instants are milliseconds since the epoch, `localDate` is days since it.
 */
export interface FlightRecord {
  readonly departedAt: number;
  readonly depDelayMinutes: number;
  readonly localDate: number;
  readonly scheduledMinute: number;
  readonly carrier: string;
  readonly flightNumber: number;
  readonly origin: string;
  readonly dest: string;
  readonly distanceMiles: number;
  readonly scheduledElapsedMinutes: number;
  readonly tailnum: string;
  /** The label; null when the flight was diverted. Must never reach the event topic. */
  readonly arrDelayMinutes: number | null;
}

/** Absolute path of a file of the example, such as `data/planes.avro`. */
export function examplePath(relative: string): string {
  return `${EXAMPLE_FOLDER}/${relative}`;
}

/** The flights of the given quarters, sorted by (departedAt, flightId). The year is 328,521 flights. */
export function* readFlights(quarters: readonly number[] = QUARTERS): Generator<FlightRecord> {
  for (const quarter of quarters) yield* readRows<FlightRecord>(`flights-2013-q${quarter}.avro`);
}

/** All rows of one container of `data/`, in file order, as plain objects (logical types stay numbers). */
export function* readRows<Row>(file: string): Generator<Row> {
  const container = readAvroContainer(examplePath(`data/${file}`));
  const type = avsc.Type.forSchema(container.schema as avsc.Schema);
  for (const block of container.blocks()) {
    let at = 0;
    for (let i = 0; i < block.count; i++) {
      const { value, offset } = type.decode(block.data, at) as { value: Row; offset: number };
      if (offset < 0) throw new Error(`data/${file}: record ${i} of a block of ${block.count} is truncated`);
      yield value;
      at = offset;
    }
  }
}

/** A compiled copy (`dist/examples/flights`) has no data beside it: the folder of the sources does. */
function exampleFolder(): string {
  const here = fileURLToPath(new URL('.', import.meta.url)).replace(/[\\/]$/, '');
  return here.replace(/([\\/])dist[\\/](examples[\\/]flights)$/, '$1$2');
}
