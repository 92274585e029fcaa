import avsc from 'avsc';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { type FlightRecord, readFlights } from '../../../../examples/flights/flight-data.ts';
import {
  createEventEncoder,
  dateText,
  FLIGHT_DEPARTED_SCHEMA,
  flightDeparted,
  hourText,
  snapshotDateText,
} from '../../../../examples/flights/flight-event.ts';

const PREFIX = Buffer.from([0, 0, 0, 0, 42]);
const schema = FLIGHT_DEPARTED_SCHEMA as { fields: { name: string; doc: string }[] } & avsc.Schema;
let firstFlights: FlightRecord[];

beforeAll(() => {
  firstFlights = [...readFlights([1])].slice(0, 3_000);
});

describe('the outcome does not leak into the event', () => {
  test('no field of the event schema speaks of the arrival', () => {
    const names = schema.fields.map(({ name }) => name);
    expect(names.filter((name) => /arr(?!ier)|divert|late|label|outcome|elapsed/i.test(name))).toEqual(['scheduledElapsedMinutes']);
    expect(names).toHaveLength(15);
  });

  test('published bytes decode with that schema, to the last byte, to the facts at departure', () => {
    const encode = createEventEncoder(PREFIX);
    const type = avsc.Type.forSchema(schema);
    for (const flight of firstFlights) {
      const bytes = encode(flightDeparted(flight));
      expect(bytes.subarray(0, 5)).toEqual(PREFIX);
      const { value, offset } = type.decode(bytes, 5) as { value: object; offset: number };
      expect(offset).toBe(bytes.length);
      expect({ ...value }).toEqual(flightDeparted(flight));
    }
  });

  test('another outcome gives the same bytes', () => {
    const encode = createEventEncoder(PREFIX);
    fc.assert(
      fc.property(fc.nat(firstFlights.length - 1), fc.option(fc.integer({ min: -120, max: 2_000 })), (index, arrDelayMinutes) => {
        const flight = firstFlights[index]!;
        expect(encode(flightDeparted({ ...flight, arrDelayMinutes }))).toEqual(encode(flightDeparted(flight)));
      }),
    );
  });
});

describe('flightDeparted', () => {
  test('makes ids and keys as the data description says', () => {
    expect(flightDeparted(firstFlights[0]!)).toEqual({
      flightId: 'UA1545-EWR-20130101',
      departedAt: Date.UTC(2013, 0, 1, 10, 17),
      carrier: 'UA',
      flightNumber: 1545,
      tailnum: 'N14228',
      origin: 'EWR',
      dest: 'IAH',
      originHour: 'EWR:2013010110',
      routeDay: 'EWR-IAH:20130101',
      carrierDay: 'UA:20130101',
      depDelayMinutes: 2,
      scheduledMinute: 315,
      dayOfWeek: 2,
      distanceMiles: 1400,
      scheduledElapsedMinutes: 244,
    });
  });

  test('dates are UTC, the snapshot changes at 08:00', () => {
    const eight = Date.UTC(2013, 5, 30, 8);
    expect([dateText(eight), hourText(eight), snapshotDateText(eight), snapshotDateText(eight - 1)]).toEqual([
      '20130630',
      '2013063008',
      '20130630',
      '20130629',
    ]);
  });

  test('day of week is the ISO one of the local date', () => {
    fc.assert(
      fc.property(fc.integer({ min: -40_000, max: 40_000 }), (localDate) => {
        const day = new Date(localDate * 86_400_000).getUTCDay();
        expect(flightDeparted({ ...firstFlights[0]!, localDate }).dayOfWeek).toBe(day === 0 ? 7 : day);
      }),
    );
  });
});

test('the year: 328,521 flights in event-time order, each id once', () => {
  const ids = new Set<string>();
  let isSorted = true;
  let before = { at: 0, id: '' };
  for (const flight of readFlights()) {
    const { flightId: id, departedAt: at } = flightDeparted(flight);
    isSorted &&= at > before.at || (at === before.at && id > before.id);
    before = { at, id };
    ids.add(id);
  }
  expect(ids.size).toBe(328_521);
  expect(isSorted).toBe(true);
});
