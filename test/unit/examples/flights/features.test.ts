import { describe, expect, test } from 'vitest';
import { FEATURE_GROUPS, type FeatureGroupName, featureRows } from '../../../../examples/flights/features.ts';
import { readFlights } from '../../../../examples/flights/flight-data.ts';
import { type FlightDeparted, flightDeparted } from '../../../../examples/flights/flight-event.ts';

const ENTITY: Record<FeatureGroupName, (event: FlightDeparted) => string> = {
  plane: (event) => event.tailnum,
  airport: (event) => event.originHour,
  route: (event) => event.routeDay,
  carrier: (event) => event.carrierDay,
};

describe('keyed mode', () => {
  test('holds every row once', () => {
    const counts = FEATURE_GROUPS.map((group) => {
      const entities = Array.from(featureRows(group), ({ entity }) => entity);
      expect(new Set(entities).size).toBe(entities.length);
      return entities.length;
    });
    expect(counts).toEqual([3_322, 26_115, 62_035, 5_354]);
  });

  test('flights find their rows as often as the data description says', () => {
    const known = FEATURE_GROUPS.map((group) => [ENTITY[group], new Set(Array.from(featureRows(group), ({ entity }) => entity))] as const);
    const missing = [0, 0, 0, 0];
    let flights = 0;
    for (const flight of readFlights()) {
      const event = flightDeparted(flight);
      flights++;
      for (const [i, [entityOf, entities]] of known.entries()) if (!entities.has(entityOf(event))) missing[i]!++;
    }
    expect(missing.map((count) => Number(((count / flights) * 100).toFixed(1)))).toEqual([14.8, 0.4, 0.7, 0.3]);
  });

  test('no row is used before it is valid', () => {
    const validFrom = new Map(Array.from(featureRows('route'), ({ entity, validFromMs }) => [entity, validFromMs]));
    const wrong: string[] = [];
    for (const flight of readFlights([2])) {
      const { departedAt, routeDay } = flightDeparted(flight);
      const from = validFrom.get(routeDay);
      if (from !== undefined && !(from <= departedAt && departedAt < from + 86_400_000)) wrong.push(`${routeDay} at ${departedAt}`);
    }
    expect(wrong).toEqual([]);
  });
});

describe('latest mode', () => {
  test('leaves, once applied in order, the newest row by the instant asked for', () => {
    const noon = Date.UTC(2013, 6, 4, 12);
    const store = new Map(Array.from(featureRows('airport', 'latest', noon), (row) => [row.entity, row]));
    expect([...store.keys()].sort()).toEqual(['EWR', 'JFK', 'LGA']);
    for (const origin of ['EWR', 'JFK', 'LGA']) {
      const keyed = [...featureRows('airport')].find(({ entity }) => entity === `${origin}:2013070412`);
      expect(store.get(origin)?.values).toEqual(keyed?.values);
    }
  });

  test('rows are sorted by the instant from which they hold', () => {
    for (const group of FEATURE_GROUPS) {
      const instants = Array.from(featureRows(group, 'latest'), ({ validFromMs }) => validFromMs);
      expect(instants.every((at, i) => i === 0 || at >= instants[i - 1]!)).toBe(true);
    }
  });
});

test('groups hold the features of the model packages, numbers exact in float32', () => {
  const names = FEATURE_GROUPS.map((group) => Object.keys(featureRows(group).next().value!.values));
  expect(names).toEqual([
    ['yearBuilt', 'seats', 'engines', 'manufacturer'],
    ['temp', 'dewp', 'humid', 'windSpeed', 'windGust', 'precip', 'pressure', 'visib', 'departures1h', 'meanDepDelay1h'],
    ['routeFlights14d', 'routeMeanArrDelay14d', 'routeLateRate14d'],
    ['carrierFlights7d', 'carrierMeanArrDelay7d', 'carrierLateRate7d'],
  ]);
  for (const { values } of featureRows('airport')) {
    for (const value of Object.values(values))
      if (typeof value === 'number' && Math.fround(value) !== value) throw new Error(String(value));
  }
});
