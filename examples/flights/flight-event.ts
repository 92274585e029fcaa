/** FlightDeparted, the feature event: made from what is known at departure and from nothing else. */
import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import { examplePath, type FlightRecord } from './flight-data.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Snapshots of routes and carriers change at 08:00 UTC, when the last flights of the day have landed. */
const SNAPSHOT_HOUR_MS = 8 * HOUR_MS;

/** The event as `schemas/flight-departed.avsc` describes it, field by field. */
export interface FlightDeparted {
  readonly flightId: string;
  readonly departedAt: number;
  readonly carrier: string;
  readonly flightNumber: number;
  readonly tailnum: string;
  readonly origin: string;
  readonly dest: string;
  readonly originHour: string;
  readonly routeDay: string;
  readonly carrierDay: string;
  readonly depDelayMinutes: number;
  readonly scheduledMinute: number;
  readonly dayOfWeek: number;
  readonly distanceMiles: number;
  readonly scheduledElapsedMinutes: number;
}

/** The Avro schema of the event topic, parsed. */
export const FLIGHT_DEPARTED_SCHEMA: unknown = JSON.parse(readFileSync(examplePath('schemas/flight-departed.avsc'), 'utf8'));

/** UTC date of an instant as `yyyymmdd`. */
export function dateText(instantMs: number): string {
  return dates.get(Math.floor(instantMs / DAY_MS));
}

/** UTC hour of an instant as `yyyymmddhh`. */
export function hourText(instantMs: number): string {
  return hours.get(Math.floor(instantMs / HOUR_MS));
}

/** Date of the route and carrier snapshot in force at an instant, as `yyyymmdd`. */
export function snapshotDateText(instantMs: number): string {
  return dateText(instantMs - SNAPSHOT_HOUR_MS);
}

/** Names a flight, in departures and arrivals alike: `UA1545-EWR-20130101`. */
export function flightIdOf({ carrier, flightNumber, origin, localDate }: FlightRecord): string {
  return `${carrier}${flightNumber}-${origin}-${dates.get(localDate)}`;
}

/** The event of a flight. Takes fields one by one, so that the outcome cannot slip through. */
export function flightDeparted(flight: FlightRecord): FlightDeparted {
  const { departedAt, carrier, flightNumber, origin, dest } = flight;
  const snapshot = snapshotDateText(departedAt);
  return {
    flightId: flightIdOf(flight),
    departedAt,
    carrier,
    flightNumber,
    tailnum: flight.tailnum,
    origin,
    dest,
    originHour: `${origin}:${hourText(departedAt)}`,
    routeDay: `${origin}-${dest}:${snapshot}`,
    carrierDay: `${carrier}:${snapshot}`,
    depDelayMinutes: flight.depDelayMinutes,
    scheduledMinute: flight.scheduledMinute,
    dayOfWeek: isoDayOfWeek(flight.localDate),
    distanceMiles: flight.distanceMiles,
    scheduledElapsedMinutes: flight.scheduledElapsedMinutes,
  };
}

/** Makes framed Avro bytes of events: `prefix` (a wire format's header), then the Avro body. */
export function createEventEncoder(prefix: Uint8Array): (event: FlightDeparted) => Buffer {
  return createAvroEncoder(FLIGHT_DEPARTED_SCHEMA, prefix);
}

/** Makes framed Avro bytes of objects of `schema`, into slabs that they share. */
export function createAvroEncoder(schema: unknown, prefix: Uint8Array): (event: object) => Buffer {
  const type = avsc.Type.forSchema(schema as avsc.Schema);
  let slab = Buffer.allocUnsafeSlow(1 << 20);
  let used = 0;
  return (event) => {
    for (;;) {
      const body = used + prefix.length;
      // avsc's encode returns the end of the datum, negative when the slab is too short.
      const end = body < slab.length ? type.encode(event, slab, body) : -1;
      if (end >= 0) {
        slab.set(prefix, used);
        const bytes = slab.subarray(used, end);
        used = end;
        return bytes;
      }
      slab = Buffer.allocUnsafeSlow(1 << 20);
      used = 0;
    }
  };
}

/** ISO day of week (1 = Monday) of a day number since the epoch, which was a Thursday. */
function isoDayOfWeek(day: number): number {
  return ((((day + 3) % 7) + 7) % 7) + 1;
}

/** Formats day or hour numbers once each: a year has 365 days but 328,521 flights. */
function memoized(unitMs: number, digits: number): { get(unit: number): string } {
  const texts = new Map<number, string>();
  return {
    get(unit) {
      let text = texts.get(unit);
      if (text === undefined) {
        text = new Date(unit * unitMs).toISOString().replace(/[-T:]/g, '').slice(0, digits);
        texts.set(unit, text);
      }
      return text;
    },
  };
}

const dates = memoized(DAY_MS, 8);
const hours = memoized(HOUR_MS, 10);
