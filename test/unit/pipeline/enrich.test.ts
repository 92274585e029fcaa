import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import { WeirError } from '../../../src/core/errors.ts';
import { createRowLayout } from '../../../src/core/layout.ts';
import { GROUP_HIT, GROUP_MISS, GROUP_STALE, GROUP_UNAVAILABLE } from '../../../src/core/rows.ts';
import { createMemoryStore } from '../../../src/features/index.ts';
import { createEnricher, type EnrichedGroup, featureGroupOf } from '../../../src/pipeline/enrich.ts';
import { cell, cells, column, LAYOUT, PLANES, planeState, rowsOf, setUp } from '../../support/enriching.ts';

const unavailable = new WeirError('store_unavailable', 'down');

describe('createEnricher', () => {
  it('writes what each group has for the entity of each row', async () => {
    const { enrich } = setUp();
    const rows = rowsOf({ plane: ['N2', 'N1', 'N2'], airport: ['JFK', 'LGA', 'LGA'] });
    rows.floats[0]!.set([7], 0);
    await enrich(rows);
    expect(cells(rows, 0)).toEqual({ yearBuilt: 1987.5, seats: 9, maker: 'CESSNA', type: 'prop', wind: 10 });
    expect(cells(rows, 1)).toEqual({ yearBuilt: 2001, seats: 150, maker: 'AIRBUS', type: 'jet', wind: 20 });
    expect(cells(rows, 2)).toEqual({ yearBuilt: 1987.5, seats: 9, maker: 'CESSNA', type: 'prop', wind: 20 });
    expect(cell(rows, 0, 'delay')).toBe(7);
    expect([0, 1, 2].map((row) => rows.degradedNames(row))).toEqual([[], [], []]);
    expect(planeState(rows)).toEqual([GROUP_HIT, GROUP_HIT, GROUP_HIT]);
  });

  it('asks once a batch and group, for each entity of ok rows once', async () => {
    const { enrich, plane, airport } = setUp();
    const rows = rowsOf({ plane: ['N2', 'N1', 'N9', 'N2', null], airport: ['JFK', 'JFK', 'JFK', 'JFK', 'JFK'] });
    rows.fail(2, 'decode_failed', 'bad');
    rows.skip(1);
    await enrich(rows);
    expect(plane.calls).toEqual([['N2']]);
    expect(airport.calls).toEqual([['JFK']]);
    expect(cell(rows, 2, 'yearBuilt')).toBeNaN();
    expect(rows.isDegraded(1) || rows.isDegraded(2)).toBe(false);
  });

  it('asks for nothing when no ok row has an entity', async () => {
    const { enrich, plane } = setUp();
    const rows = rowsOf({ plane: [null, 'N1'], airport: ['JFK', 'JFK'] });
    rows.fail(1, 'decode_failed', 'bad');
    await enrich(rows);
    expect(plane.calls).toEqual([]);
    expect(planeState(rows)[0]).toBe(GROUP_MISS);
    expect(rows.degradedNames(0)).toEqual(['yearBuilt', 'seats', 'maker', 'type']);
  });

  it('leaves a null feature of a row that was found to the validator', async () => {
    const { enrich } = setUp();
    const rows = rowsOf({ plane: ['N3'], airport: ['JFK'] });
    await enrich(rows);
    expect(cells(rows, 0)).toMatchObject({ yearBuilt: Number.NaN, seats: 4, maker: undefined, type: 'prop' });
    expect(rows.isDegraded(0)).toBe(false);
  });

  describe('a missing entity', () => {
    const entities = { plane: ['N1', 'N9', null], airport: ['JFK', 'JFK', 'JFK'] };

    it('gets column defaults under default, and no value where there are none', async () => {
      const { enrich } = setUp();
      const rows = rowsOf(entities);
      await enrich(rows);
      for (const row of [1, 2]) {
        expect(cells(rows, row)).toEqual({ yearBuilt: 1999, seats: Number.NaN, maker: 'none', type: undefined, wind: 10 });
        expect(rows.degradedNames(row)).toEqual(['yearBuilt', 'seats', 'maker', 'type']);
      }
      expect(cells(rows, 0)).toMatchObject({ yearBuilt: 2001, maker: 'AIRBUS' });
      expect(planeState(rows)).toEqual([GROUP_HIT, GROUP_MISS, GROUP_MISS]);
    });

    it('keeps no value under nan, defaults or not', async () => {
      const { enrich } = setUp({ plane: { onMissing: 'nan' } });
      const rows = rowsOf(entities);
      await enrich(rows);
      expect(cells(rows, 1)).toEqual({ yearBuilt: Number.NaN, seats: Number.NaN, maker: undefined, type: undefined, wind: 10 });
      expect(rows.degradedNames(1)).toEqual(['yearBuilt', 'seats', 'maker', 'type']);
    });

    it('fails its row, and no other, under dead-letter', async () => {
      const { enrich } = setUp({ plane: { onMissing: 'dead-letter' } });
      const rows = rowsOf(entities);
      await enrich(rows);
      expect([0, 1, 2].map((row) => rows.codeOf(row))).toEqual([undefined, 'feature_missing', 'feature_missing']);
      expect(rows.messageOf(1)).toContain('plane');
      expect(rows.messageOf(1)).not.toContain('N9');
    });
  });

  describe('freshness', () => {
    const entities = { plane: ['N1', 'N2', 'N4'], airport: ['JFK', 'JFK', 'JFK'] };

    it('takes rows that are too old, or of unknown age, for missing', async () => {
      const { enrich } = setUp({ plane: { maxAgeMs: 1_000 } });
      const rows = rowsOf(entities);
      await enrich(rows);
      expect(planeState(rows)).toEqual([GROUP_STALE, GROUP_HIT, GROUP_STALE]);
      expect(cells(rows, 0)).toMatchObject({ yearBuilt: 1999, maker: 'none' });
      expect(cells(rows, 1)).toMatchObject({ yearBuilt: 1987.5, maker: 'CESSNA' });
      expect(rows.degradedNames(0)).toEqual(['yearBuilt', 'seats', 'maker', 'type']);
    });

    it('is counted from the clock, to the millisecond', async () => {
      const { enrich, clock } = setUp({ plane: { maxAgeMs: 1_000, onMissing: 'dead-letter' } });
      const fresh = rowsOf(entities);
      await enrich(fresh);
      expect(fresh.codeOf(1)).toBeUndefined();
      clock.advance(1);
      const stale = rowsOf(entities);
      await enrich(stale);
      expect(stale.codeOf(1)).toBe('feature_missing');
      expect(stale.messageOf(1)).toContain('1000 ms');
    });

    it('does not matter unless asked for', async () => {
      const { enrich, clock } = setUp();
      clock.advance(1e9);
      const rows = rowsOf(entities);
      await enrich(rows);
      expect(planeState(rows)).toEqual([GROUP_HIT, GROUP_HIT, GROUP_HIT]);
    });
  });

  describe('a store that does not answer', () => {
    const entities = { plane: ['N1', null], airport: ['JFK', 'ORD'] };

    it('stops the batch under pause before anything is written, and the same rows can be tried again', async () => {
      const { enrich, plane } = setUp({ airport: { onMissing: 'dead-letter' } });
      const rows = rowsOf(entities);
      plane.failure = unavailable;
      await expect(enrich(rows)).rejects.toBe(unavailable);
      expect(rows.failed).toBe(0);
      expect(cell(rows, 0, 'wind')).toBeNaN();
      expect(rows.isDegraded(1)).toBe(false);
      plane.failure = undefined;
      await enrich(rows);
      expect(cells(rows, 0)).toMatchObject({ yearBuilt: 2001, wind: 10 });
      expect(rows.codeOf(1)).toBe('feature_missing');
    });

    it('is bridged by defaults under default, even where missing entities stay without', async () => {
      const { enrich, plane } = setUp({ plane: { onMissing: 'nan', onUnavailable: 'default' } });
      plane.failure = unavailable;
      const rows = rowsOf(entities);
      await enrich(rows);
      expect(planeState(rows)).toEqual([GROUP_UNAVAILABLE, GROUP_MISS]);
      expect(cells(rows, 0)).toEqual({ yearBuilt: 1999, seats: Number.NaN, maker: 'none', type: undefined, wind: 10 });
      expect(cells(rows, 1)).toMatchObject({ yearBuilt: Number.NaN, maker: undefined });
      expect(rows.degradedNames(0)).toEqual(['yearBuilt', 'seats', 'maker', 'type']);
    });

    it('fails the rows under dead-letter', async () => {
      const { enrich, plane } = setUp({ plane: { onUnavailable: 'dead-letter' } });
      plane.failure = unavailable;
      const rows = rowsOf(entities);
      await enrich(rows);
      expect([rows.codeOf(0), rows.codeOf(1)]).toEqual(['feature_unavailable', undefined]);
    });

    it('shows nothing of an earlier batch', async () => {
      const { enrich, plane } = setUp({ plane: { onUnavailable: 'default' } });
      await enrich(rowsOf(entities));
      plane.failure = unavailable;
      const rows = rowsOf(entities);
      await enrich(rows);
      expect(cells(rows, 0)).toMatchObject({ yearBuilt: 1999, seats: Number.NaN, maker: 'none' });
    });

    it.each(['pause', 'default', 'dead-letter'] as const)('stops the batch under %s when waiting cannot cure it', async (onUnavailable) => {
      const { enrich, plane, airport } = setUp({ plane: { onUnavailable } });
      airport.failure = unavailable;
      plane.failure = new WeirError('store_misconfigured', 'refused');
      await expect(enrich(rowsOf(entities))).rejects.toBe(plane.failure);
      plane.failure = new TypeError('a bug');
      await expect(enrich(rowsOf(entities))).rejects.toMatchObject({ code: 'unknown' });
    });
  });

  it('keeps batches under way at once apart', async () => {
    const { enrich } = setUp();
    const batches = Array.from({ length: 6 }, (_, i) => rowsOf({ plane: [i % 2 ? 'N1' : 'N2', 'N9'], airport: ['JFK', 'LGA'] }));
    await Promise.all(batches.map(enrich));
    for (const [i, rows] of batches.entries()) expect(cells(rows, 0)).toMatchObject(i % 2 ? { seats: 150 } : { seats: 9, maker: 'CESSNA' });
  });

  it('gives each row what its entity has, for any batches one after another', async () => {
    const { enrich } = setUp({ plane: { maxAgeMs: 3_000 } });
    const entity = fc.option(fc.constantFrom('N1', 'N2', 'N3', 'N4', 'N9', ''));
    const batches = fc.array(fc.array(entity, { minLength: 1, maxLength: 1_200 }), { minLength: 1, maxLength: 3 });
    const fresh: Record<string, object> = {
      N2: { yearBuilt: 1987.5, seats: 9, maker: 'CESSNA', type: 'prop' },
      N3: { yearBuilt: Number.NaN, seats: 4, maker: undefined, type: 'prop' },
    };
    const standIn = { yearBuilt: 1999, seats: Number.NaN, maker: 'none', type: undefined };
    await fc.assert(
      fc.asyncProperty(batches, async (list) => {
        for (const planes of list) {
          const rows = rowsOf({ plane: planes, airport: planes.map(() => 'JFK') });
          await enrich(rows);
          for (const [row, plane] of planes.entries()) {
            expect(cells(rows, row)).toEqual({ wind: 10, ...(fresh[plane ?? ''] ?? standIn) });
            expect(rows.isDegraded(row)).toBe(!fresh[plane ?? '']);
          }
        }
      }),
      { numRuns: 20 },
    );
  });

  it('refuses a layout whose groups it has no reader for, and a reader that lacks a feature', () => {
    const clock = new ManualClock();
    expect(() => createEnricher({ layout: LAYOUT, groups: [], clock })).toThrow(/Feature group plane has no reader/);
    const store = createMemoryStore(PLANES);
    const groups = LAYOUT.groups.map((layout): EnrichedGroup => {
      const reader = store.reader({ ...featureGroupOf(layout), floatFeatures: ['wind', 'seats'] });
      return { layout, reader, onMissing: 'default', onUnavailable: 'pause' };
    });
    expect(() => createEnricher({ layout: LAYOUT, groups, clock })).toThrow(/does not read yearBuilt, which column yearBuilt needs/);
  });
});

describe('featureGroupOf', () => {
  it('names each feature once a kind, in column order', () => {
    const inputs = [
      { name: 'x', kind: 'float' as const, columns: [column('a', 'g.two'), column('b', 'g.one'), column('c', 'g.two')] },
      { name: 'y', kind: 'string' as const, columns: [column('d', 'g.two', { kind: 'string' })] },
    ];
    const [group] = createRowLayout(inputs, { entities: new Map([['g', ['id']]]) }).groups;
    expect(featureGroupOf(group!)).toEqual({ name: 'g', floatFeatures: ['two', 'one'], stringFeatures: ['two'] });
  });
});
