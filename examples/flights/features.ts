/** The feature rows of the flights example: what the online store must hold before departures can be scored. */
import { hourText, snapshotDateText } from './flight-event.ts';
import { readRows } from './flight-data.ts';

/** The feature groups of the example, in the order in which they are loaded. */
export const FEATURE_GROUPS = ['plane', 'airport', 'route', 'carrier'] as const;

/** Name of a feature group. */
export type FeatureGroupName = (typeof FEATURE_GROUPS)[number];

/**
 * How rows are keyed. `keyed`: the entity carries the time (`JFK:2013070114`), all rows live side by side and results do
 * not depend on when they were loaded. `latest`: the entity is the thing itself (`JFK`) and later rows replace earlier ones.
 */
export type KeyMode = 'keyed' | 'latest';

/** One row of a feature group. */
export interface FeatureRow {
  readonly entity: string;
  /** First instant at which the row may be used, milliseconds since the epoch; rows of a group are sorted by it. 0: always valid. */
  readonly validFromMs: number;
  readonly values: Readonly<Record<string, number | string | null>>;
}

interface Plane {
  readonly tailnum: string;
  readonly yearBuilt: number | null;
  readonly seats: number;
  readonly engines: number;
  readonly manufacturer: string;
}

interface AirportHour {
  readonly validFrom: number;
  readonly origin: string;
  readonly [feature: string]: number | string | null;
}

interface RouteDay {
  readonly validFrom: number;
  readonly route: string;
  readonly routeFlights14d: number;
  readonly routeMeanArrDelay14d: number;
  readonly routeLateRate14d: number;
}

interface CarrierDay {
  readonly validFrom: number;
  readonly carrier: string;
  readonly carrierFlights7d: number;
  readonly carrierMeanArrDelay7d: number;
  readonly carrierLateRate7d: number;
}

const ROWS: Record<FeatureGroupName, (mode: KeyMode) => Generator<FeatureRow>> = {
  *plane() {
    for (const { tailnum, yearBuilt, seats, engines, manufacturer } of readRows<Plane>('planes.avro')) {
      yield { entity: tailnum, validFromMs: 0, values: { yearBuilt, seats, engines, manufacturer } };
    }
  },
  *airport(mode) {
    for (const { validFrom, origin, ...values } of readRows<AirportHour>('airport-hour.avro')) {
      yield { entity: mode === 'keyed' ? `${origin}:${hourText(validFrom)}` : origin, validFromMs: validFrom, values };
    }
  },
  *route(mode) {
    for (const { validFrom, route, ...values } of readRows<RouteDay>('route-day.avro')) {
      yield { entity: mode === 'keyed' ? `${route}:${snapshotDateText(validFrom)}` : route, validFromMs: validFrom, values };
    }
  },
  *carrier(mode) {
    for (const { validFrom, carrier, ...values } of readRows<CarrierDay>('carrier-day.avro')) {
      yield { entity: mode === 'keyed' ? `${carrier}:${snapshotDateText(validFrom)}` : carrier, validFromMs: validFrom, values };
    }
  },
};

/**
 * Rows of a group, sorted by `validFromMs`: 3,322 planes, 26,115 airport hours, 62,035 route days, 5,354 carrier days.
 * @param untilMs only rows valid by then; for `latest`, what a store would hold at that instant once all are applied in order
 */
export function* featureRows(group: FeatureGroupName, mode: KeyMode = 'keyed', untilMs = Number.POSITIVE_INFINITY): Generator<FeatureRow> {
  for (const row of ROWS[group](mode)) if (row.validFromMs <= untilMs) yield row;
}
