/** FlightArrived, the label event: what became of a flight. Nothing that departures are made from imports it. */
import { readFileSync } from 'node:fs';
import { examplePath, type FlightRecord } from './flight-data.ts';
import { createAvroEncoder, flightIdOf } from './flight-event.ts';

const MINUTE_MS = 60_000;

/** The event as `schemas/flight-arrived.avsc` describes it, field by field. */
export interface FlightArrived {
  readonly flightId: string;
  /** Milliseconds since the epoch. */
  readonly arrivedAt: number;
  /** Actual minus scheduled arrival; null when the flight was diverted: there is no label. */
  readonly arrDelayMinutes: number | null;
  readonly diverted: boolean;
}

/** The Avro schema of the labels topic, parsed. */
export const FLIGHT_ARRIVED_SCHEMA: unknown = JSON.parse(readFileSync(examplePath('schemas/flight-arrived.avsc'), 'utf8'));

/** The arrival of a flight. A diverted one lands where nobody has noted it: at its scheduled time after the departure, as far as this knows. */
export function flightArrived(flight: FlightRecord): FlightArrived {
  const { departedAt, depDelayMinutes, scheduledElapsedMinutes, arrDelayMinutes } = flight;
  const diverted = arrDelayMinutes === null;
  const minutes = scheduledElapsedMinutes + (diverted ? 0 : arrDelayMinutes - depDelayMinutes);
  return { flightId: flightIdOf(flight), arrivedAt: departedAt + minutes * MINUTE_MS, arrDelayMinutes, diverted };
}

/** Makes framed Avro bytes of arrivals: `prefix` (a wire format's header), then the Avro body. */
export function createArrivalEncoder(prefix: Uint8Array): (event: FlightArrived) => Buffer {
  return createAvroEncoder(FLIGHT_ARRIVED_SCHEMA, prefix);
}

/** Arrivals of flights that have departed, until it is time to tell of them. Holds those in the air and no others. */
export class FlightsInTheAir {
  private arrivals: FlightArrived[] = [];

  /** Flights in the air. */
  get count(): number {
    return this.arrivals.length;
  }

  /** Flights have departed. */
  departed(flights: readonly FlightRecord[]): void {
    for (const flight of flights) this.arrivals.push(flightArrived(flight));
    this.arrivals.sort((a, b) => a.arrivedAt - b.arrivedAt || (a.flightId < b.flightId ? -1 : 1));
  }

  /**
   * Takes out those that have landed by an instant, in the order in which they did.
   * @param untilMs milliseconds since the epoch, inclusive; infinite: all
   */
  landed(untilMs: number): FlightArrived[] {
    const next = this.arrivals.findIndex(({ arrivedAt }) => arrivedAt > untilMs);
    return this.arrivals.splice(0, next < 0 ? this.arrivals.length : next);
  }
}
