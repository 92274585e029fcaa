import { ManualClock } from '../../src/core/clock.ts';
import { type ColumnSpec, createRowLayout, type RowLayout } from '../../src/core/layout.ts';
import type { EntityKeys, FeatureReader, FeatureTable } from '../../src/core/ports.ts';
import { Rows } from '../../src/core/rows.ts';
import { createMemoryStore, type MemoryData } from '../../src/features/index.ts';
import { createEnricher, type EnrichedGroup, featureGroupOf } from '../../src/pipeline/enrich.ts';
import { recordBatch } from './records.ts';

type Entities = Record<string, (string | null)[]>;

/** A column bound to `group.feature` or `event.field`. */
export const column = (name: string, from: string, more: Partial<ColumnSpec> = {}): ColumnSpec => {
  const [group, feature] = from.split('.') as [string, string];
  const binding = group === 'event' ? ({ from: 'event', path: [feature] } as const) : ({ from: 'group', group, feature } as const);
  return { name, kind: 'float', binding, required: false, onInvalid: 'dead-letter', ...more };
};

/** Two feature groups over a float and a string tensor. */
export const LAYOUT = createRowLayout(
  [
    {
      name: 'numbers',
      kind: 'float',
      columns: [
        column('delay', 'event.delay'),
        column('yearBuilt', 'plane.yearBuilt', { default: 1999 }),
        column('wind', 'airport.wind'),
        column('seats', 'plane.seats'),
      ],
    },
    {
      name: 'texts',
      kind: 'string',
      columns: [column('maker', 'plane.maker', { kind: 'string', default: 'none' }), column('type', 'plane.type', { kind: 'string' })],
    },
  ],
  {
    entities: new Map([
      ['plane', ['tailnum']],
      ['airport', ['origin']],
    ]),
  },
);

/** Rows of both groups; `_ts` is when they were written. */
export const PLANES: MemoryData = {
  plane: {
    N1: { yearBuilt: 2001, seats: 150, maker: 'AIRBUS', type: 'jet', _ts: 1_000 },
    N2: { yearBuilt: 1987.5, seats: 9, maker: 'CESSNA', type: 'prop', _ts: 5_000 },
    N3: { yearBuilt: null, seats: 4, maker: null, type: 'prop', _ts: 5_000 },
    N4: { yearBuilt: 1970, seats: 2, maker: 'PIPER', type: 'prop' },
  },
  airport: { JFK: { wind: 10, _ts: 5_000 }, LGA: { wind: 20, _ts: 5_000 } },
};

/** Decoded rows with these entities by group. */
export function rowsOf(entities: Entities, layout: RowLayout = LAYOUT): Rows {
  const count = Object.values(entities)[0]!.length;
  const records = recordBatch(Array.from({ length: count }, () => ({ value: 'x' })));
  const rows = new Rows(layout, count);
  rows.reset([{ records, from: 0, to: count, fromRow: 0 }]);
  for (const group of layout.groups) {
    for (const [row, entity] of (entities[group.name] ?? []).entries()) {
      if (entity !== null) rows.entities[group.index]!.setText(row, entity);
    }
  }
  return rows;
}

/** A reader that counts and remembers its calls, and fails when told to. */
export function spied(reader: FeatureReader): FeatureReader & { calls: string[][]; failure: Error | undefined } {
  return {
    group: reader.group,
    calls: [] as string[][],
    failure: undefined as Error | undefined,
    async fetch(keys: EntityKeys, table: FeatureTable) {
      this.calls.push(Array.from({ length: keys.count }, (_, i) => keys.column.text(i)!));
      if (this.failure) throw this.failure;
      await reader.fetch(keys, table);
    },
  };
}

/** An enricher over `PLANES` at time 6,000, with the policies given by group. */
export function setUp(policies: Partial<Record<string, Partial<Pick<EnrichedGroup, 'onMissing' | 'onUnavailable' | 'maxAgeMs'>>>> = {}) {
  const store = createMemoryStore(PLANES);
  const clock = new ManualClock(6_000);
  const readers = Object.fromEntries(LAYOUT.groups.map((group) => [group.name, spied(store.reader(featureGroupOf(group)))]));
  const groups = LAYOUT.groups.map(
    (layout): EnrichedGroup => ({
      layout,
      reader: readers[layout.name]!,
      onMissing: 'default',
      onUnavailable: 'pause',
      ...policies[layout.name],
    }),
  );
  return { enrich: createEnricher({ layout: LAYOUT, groups, clock }), plane: readers['plane']!, airport: readers['airport']!, clock };
}

/** Value of a column. */
export const cell = (rows: Rows, row: number, name: string): number | string | undefined => {
  const found = LAYOUT.columns.find((c) => c.name === name)!;
  return found.kind === 'float' ? rows.float(row, found) : rows.texts[found.lane]!.text(row);
};
/** Values of all group columns of a row. */
export const cells = (rows: Rows, row: number): Record<string, number | string | undefined> =>
  Object.fromEntries(['yearBuilt', 'seats', 'maker', 'type', 'wind'].map((name) => [name, cell(rows, row, name)]));
/** State of the group `plane` in each row. */
export const planeState = (rows: Rows): number[] => [
  ...rows.groupState[LAYOUT.groups.find((g) => g.name === 'plane')!.index]!.subarray(0, rows.count),
];
