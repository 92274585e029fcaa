import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fixedPanes } from '../../../src/core/window-size.ts';
import { type ColumnSpec, createRowLayout } from '../../../src/core/layout.ts';
import { ORIGIN_WITHOUT_GROUP } from '../../../src/core/records.ts';
import { Rows, Scores } from '../../../src/core/rows.ts';
import { Accumulator } from '../../../src/drift/accumulator.ts';
import { cellLayoutOf } from '../../../src/drift/cells.ts';
import { type PaneDelta, profileDeltaFrom } from '../../../src/drift/profile-delta.ts';
import { createReferenceBuilder } from '../../../src/drift/reference-builder.ts';
import { inputBatch, MODEL, START_MS } from './support.ts';

const PANE_MS = 60_000;
const spec = (name: string, kind: ColumnSpec['kind'], compareWith?: ColumnSpec['compareWith']): ColumnSpec => ({
  ...{ name, kind, binding: { from: 'event', path: [name] }, required: false, onInvalid: 'flag' },
  ...(compareWith && { compareWith }),
});
/** One column of each kind that is compared, with others around them. */
const layout = createRowLayout(
  [
    { name: 'x', kind: 'float', columns: [spec('a', 'float'), spec('x', 'float', { from: 'group', group: 'g', feature: 'x' })] },
    { name: 's', kind: 'string', columns: [spec('s', 'string', { from: 'event', path: ['store', 's'] }), spec('t', 'string')] },
    { name: 'y', kind: 'float', columns: [spec('y', 'float', { from: 'event', path: ['y2'] })] },
  ],
  { entities: new Map([['g', ['id']]]) },
);
const [x, s, y] = layout.comparisons;

interface Pair {
  readonly ours: number;
  readonly theirs: number;
  readonly text: string | null;
  readonly otherText: string | null;
  readonly isStandIn: boolean;
  readonly isDead: boolean;
  readonly pane: number;
}

function rowsOf(pairs: readonly Pair[]): { rows: Rows; scores: Scores } {
  const rows = new Rows(layout, Math.max(1, pairs.length));
  const scores = new Scores(rows.capacity, { label: false, extras: [] });
  rows.reset([{ records: inputBatch(0, 0, pairs.length), from: 0, to: pairs.length, fromRow: 0 }]);
  for (const [row, { ours, theirs, text, otherText, isStandIn, isDead, pane }] of pairs.entries()) {
    for (const { column, other } of [x!, y!]) {
      rows.floats[column.lane]![row * layout.floatWidths[column.lane]! + column.slot] = ours;
      rows.floats[other.lane]![row * layout.floatWidths[other.lane]! + other.slot] = theirs;
    }
    if (text !== null) rows.texts[s!.column.lane]!.setText(row, text);
    if (otherText !== null) rows.texts[s!.other.lane]!.setText(row, otherText);
    if (isStandIn) for (const { column } of layout.comparisons) rows.degrade(row, column.index);
    rows.eventTimeMs[row] = START_MS + pane * PANE_MS;
    if (isDead) rows.fail(row, 'decode_failed', 'test');
  }
  return { rows, scores };
}

const pairOf = (ours: number, theirs: number, text: string | null = null, otherText: string | null = null): Pair => ({
  ...{ ours, theirs, text, otherText, isStandIn: false, isDead: false, pane: 0 },
});

const builder = createReferenceBuilder({ layout, model: MODEL });
const seed = rowsOf([pairOf(1, 1, 'a', 'a'), pairOf(2, 2, 'b', 'b')]);
builder.observe(seed.rows, seed.scores);
const cells = cellLayoutOf(builder.build());

function panesOf(pairs: readonly Pair[]): PaneDelta[] {
  const accumulator = new Accumulator({ layout, cells, panes: fixedPanes(PANE_MS), latestUsableMs: () => START_MS * 2 });
  const { rows, scores } = rowsOf(pairs);
  accumulator.observe(rows, scores, { originOf: () => ({ ...ORIGIN_WITHOUT_GROUP, epoch: 1 }) });
  const panes: PaneDelta[] = [];
  const origin = { model: 'toy', modelVersion: '1', referenceId: 'r', workerId: 'w' };
  accumulator.take((segment) =>
    panes.push(
      ...profileDeltaFrom(segment, accumulator.slab, { grid: fixedPanes(PANE_MS), emittedAt: 0, committedOffset: 0, origin }).panes,
    ),
  );
  return panes;
}

const skewOf = (pane: PaneDelta | undefined): number[][] =>
  (pane?.features ?? []).map(({ skewCompared, skewMismatched }) => [skewCompared, skewMismatched]);
/** Compared and mismatched of x, s and y for one row. */
const told = (pair: Pair): number[] => {
  const [, ofX, ofS, , ofY] = skewOf(panesOf([pair])[0]);
  expect(ofY).toEqual(ofX);
  return [...ofX!, ...ofS!];
};

describe('columns that are compared', () => {
  test('their other values lie behind those of the model, which is not given them', () => {
    expect(layout.tensors.map(({ columns }) => columns.map(({ name }) => name))).toEqual([['a', 'x'], ['s', 't'], ['y']]);
    expect([layout.floatWidths, layout.modelFloats, layout.textCount, layout.modelTexts]).toEqual([[2, 1, 2], 2, 3, 2]);
    expect(layout.comparisons.map(({ other: { lane, slot } }) => [lane, slot])).toEqual([
      [2, 0],
      [2, 0],
      [2, 1],
    ]);
    expect(layout.groups.map(({ columns, compared }) => [columns.length, compared.length])).toEqual([[0, 1]]);
    expect(layout.eventColumns.map(({ name, index }) => [name, index])).toEqual([
      ['a', 0],
      ['x', 1],
      ['s', 2],
      ['t', 3],
      ['y', 4],
      ['s', -1],
      ['y', -1],
    ]);
  });

  test('numbers differ beyond rounding: both sides are float32', () => {
    // One unit in the last place apart.
    expect(Math.fround(0.1 + 2 ** -27) - Math.fround(0.1)).toBe(2 ** -27);
    expect(told(pairOf(0.1, 0.1 + 2 ** -27))).toEqual([1, 0, 0, 0]);
    expect(told(pairOf(16_777_217, 16_777_216))).toEqual([1, 0, 0, 0]);
    expect(told(pairOf(1, 1 + 1e-6 / 2))).toEqual([1, 0, 0, 0]);
    expect(told(pairOf(1, 1 + 3e-6))).toEqual([1, 1, 0, 0]);
    expect(told(pairOf(-1, 1))).toEqual([1, 1, 0, 0]);
    expect(told(pairOf(0, -0))).toEqual([1, 0, 0, 0]);
    expect(told(pairOf(0, 1e-30))).toEqual([1, 1, 0, 0]);
    expect(told(pairOf(Infinity, Infinity))).toEqual([1, 0, 0, 0]);
    expect(told(pairOf(Infinity, 5))).toEqual([1, 1, 0, 0]);
    expect(told(pairOf(-Infinity, Infinity))).toEqual([1, 1, 0, 0]);
  });

  test('words differ when a byte does', () => {
    expect(told(pairOf(NaN, 1, 'Zürich', 'Zürich'))).toEqual([0, 0, 1, 0]);
    expect(told(pairOf(1, NaN, 'Zürich', 'Zurich'))).toEqual([0, 0, 1, 1]);
    expect(told(pairOf(NaN, NaN, 'a', 'ab'))).toEqual([0, 0, 1, 1]);
    expect(told(pairOf(NaN, NaN, 'a', ''))).toEqual([0, 0, 0, 0]);
    expect(told(pairOf(NaN, NaN, null, 'a'))).toEqual([0, 0, 0, 0]);
  });

  test('any rows: as a plain count over them, pane by pane, without stand-ins and dead letters', () => {
    const number = fc.oneof(fc.constantFrom(0, 1, 1.000001, 1.0000011, NaN, Infinity, 1e10), fc.float());
    const text = fc.constantFrom(null, '', 'a', 'b', 'ab');
    const pair = fc.record({
      ...{ ours: number, theirs: number, text, otherText: text, isStandIn: fc.boolean(), isDead: fc.boolean() },
      pane: fc.integer({ min: 0, max: 2 }),
    });
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 60 }), (pairs) => {
        const panes = panesOf(pairs);
        for (let pane = 0; pane < 3; pane++) {
          const rows = pairs.filter((p) => p.pane === pane && !p.isDead);
          const kept = rows.filter((p) => !p.isStandIn);
          const numbers = kept.map((p) => [Math.fround(p.ours), Math.fround(p.theirs)] as const).filter(([a, b]) => a === a && b === b);
          const far = numbers.filter(([a, b]) => {
            if (a === b) return false;
            return !Number.isFinite(a - b) || Math.abs(a - b) > 1e-6 * Math.max(Math.abs(a), Math.abs(b));
          });
          const words = kept.filter((p) => p.text && p.otherText);
          const floats = [numbers.length, far.length];
          const texts = [words.length, words.filter((p) => p.text !== p.otherText).length];
          const found = panes.find(({ start }) => start === START_MS + pane * PANE_MS);
          expect(skewOf(found)).toEqual(rows.length === 0 ? [] : [[0, 0], floats, texts, [0, 0], floats, [0, 0]]);
        }
      }),
      { numRuns: 100 },
    );
  });
});
