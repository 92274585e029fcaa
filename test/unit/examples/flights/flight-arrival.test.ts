import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  createArrivalEncoder,
  FLIGHT_ARRIVED_SCHEMA,
  type FlightArrived,
  FlightsInTheAir,
  flightArrived,
} from '../../../../examples/flights/flight-arrival.ts';
import { examplePath, type FlightRecord, readFlights } from '../../../../examples/flights/flight-data.ts';
import { flightDeparted } from '../../../../examples/flights/flight-event.ts';
import { chunked } from '../../../../examples/flights/replay.ts';

const PREFIX = Buffer.from([0, 0, 0, 0, 42]);
const schema = FLIGHT_ARRIVED_SCHEMA as { fields: { name: string }[] } & avsc.Schema;
const [first] = readFlights([1]);

test('says when the flight came, how late it was, and that a diverted one has no label', () => {
  // UA1545: scheduled 05:15 local, 10:15 UTC; 2 minutes late out, scheduled 244 minutes, 11 minutes late in.
  expect(flightArrived(first!)).toEqual({
    flightId: 'UA1545-EWR-20130101',
    arrivedAt: Date.UTC(2013, 0, 1, 10, 15 + 244 + 11),
    arrDelayMinutes: 11,
    diverted: false,
  });
  expect(flightArrived({ ...first!, arrDelayMinutes: null })).toMatchObject({
    arrivedAt: first!.departedAt + 244 * 60_000,
    arrDelayMinutes: null,
    diverted: true,
  });
});

test('published bytes decode with the schema, to the last byte', () => {
  const encode = createArrivalEncoder(PREFIX);
  const type = avsc.Type.forSchema(schema);
  for (const flight of [first!, { ...first!, arrDelayMinutes: null }]) {
    const bytes = encode(flightArrived(flight));
    expect(bytes.subarray(0, 5)).toEqual(PREFIX);
    const { value, offset } = type.decode(bytes, 5) as { value: object; offset: number };
    expect(offset).toBe(bytes.length);
    expect({ ...value }).toEqual(flightArrived(flight));
  }
});

test('no module that departures are made from knows of arrivals', () => {
  for (const file of ['flight-event.ts', 'flight-data.ts', 'features.ts']) {
    expect(readFileSync(examplePath(file), 'utf8')).not.toContain('flight-arrival');
  }
});

test('the year: each flight lands once, after it has departed, none is told of early, and few are in the air', () => {
  const inTheAir = new FlightsInTheAir();
  const landed: FlightArrived[] = [];
  const departedAt = new Map<string, number>();
  let isEarly = false;
  let mostInTheAir = 0;
  let labelled = 0;
  for (const flights of chunked(readFlights(), 5_000)) {
    const nowMs = flights.at(-1)!.departedAt;
    for (const flight of flights) departedAt.set(flightDeparted(flight).flightId, flight.departedAt);
    inTheAir.departed(flights);
    const arrivals = inTheAir.landed(nowMs);
    isEarly ||= arrivals.some(({ arrivedAt }) => arrivedAt > nowMs);
    mostInTheAir = Math.max(mostInTheAir, inTheAir.count);
    for (const arrival of arrivals) landed.push(arrival);
  }
  landed.push(...inTheAir.landed(Number.POSITIVE_INFINITY));
  let isSorted = true;
  let isAfter = true;
  const ids = new Set<string>();
  for (const [i, { flightId, arrivedAt, arrDelayMinutes }] of landed.entries()) {
    isSorted &&= i === 0 || landed[i - 1]!.arrivedAt <= arrivedAt;
    isAfter &&= arrivedAt > departedAt.get(flightId)!;
    ids.add(flightId);
    if (arrDelayMinutes !== null) labelled++;
  }
  expect({ isEarly, isSorted, isAfter, ids: ids.size, landed: landed.length, labelled }).toEqual({
    ...{ isEarly: false, isSorted: true, isAfter: true },
    ...{ ids: 328_521, landed: 328_521, labelled: 327_346 },
  });
  expect(mostInTheAir).toBeLessThan(500);
  expect(inTheAir.count).toBe(0);
});

test('the order does not depend on how departures were cut into requests', () => {
  const flights: FlightRecord[] = [...readFlights([1])].slice(0, 2_000);
  const orderBy = (size: number): string[] => {
    const inTheAir = new FlightsInTheAir();
    const ids: string[] = [];
    for (const chunk of chunked(flights, size)) {
      inTheAir.departed(chunk);
      for (const { flightId } of inTheAir.landed(chunk.at(-1)!.departedAt)) ids.push(flightId);
    }
    for (const { flightId } of inTheAir.landed(Number.POSITIVE_INFINITY)) ids.push(flightId);
    return ids;
  };
  const whole = orderBy(flights.length);
  fc.assert(
    fc.property(fc.integer({ min: 50, max: 2_500 }), (size) => {
      expect(orderBy(size)).toEqual(whole);
    }),
    { numRuns: 20 },
  );
});
