import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import { type ColumnSpec, createRowLayout, type RowLayout } from '../../../src/core/layout.ts';
import { wholeOf } from '../../../src/core/records.ts';
import { Rows, Scores } from '../../../src/core/rows.ts';
import { createDriftObserver } from '../../../src/drift/observer.ts';
import { type ProfileDelta } from '../../../src/drift/profile-delta.ts';
import { decodeProfileDelta } from '../../../src/drift/profile-delta-reader.ts';
import { createReferenceBuilder } from '../../../src/drift/reference-builder.ts';
import { checkReferenceProfile } from '../../../src/drift/reference-profile.ts';
import { recordBatch } from '../../support/records.ts';
import { batchOf, MODEL, PREFIX, SINK, sourceOf, START_MS } from './support.ts';

const column = (name: string, more: Partial<ColumnSpec> = {}): ColumnSpec => ({
  name,
  kind: 'float',
  binding: { from: 'event', path: [name] },
  required: false,
  onInvalid: 'flag',
  ...more,
});
const layoutOf = (list: Partial<ColumnSpec>): RowLayout =>
  createRowLayout(
    [{ name: 'x', kind: 'float', columns: [column('id', { drift: false }), column('list', { size: 2, ...list }), column('last')] }],
    {
      entities: new Map(),
    },
  );

/** Rows whose values are `id`, two elements of the list, `last`. Column 1, the list, holds a stand-in in the first row. */
function rowsOf(layout: RowLayout): { rows: Rows; scores: Scores } {
  const values = [
    [1, 10, 20, 5],
    [2, 11, 21, 5],
    [3, 12, Number.NaN, 6],
  ];
  const rows = new Rows(layout, values.length);
  rows.reset([wholeOf(recordBatch(values.map(() => ({ value: 'x', timestampMs: START_MS }))))]);
  rows.floats[0]!.set(values.flat());
  rows.degrade(0, 1);
  const scores = new Scores(values.length, { label: false, extras: [] });
  scores.score.fill(0.5);
  return { rows, scores };
}

function referenceOf(layout: RowLayout) {
  const builder = createReferenceBuilder({ layout, model: MODEL });
  const { rows, scores } = rowsOf(layout);
  builder.observe(rows, scores);
  return builder.build();
}

function deltaOf(layout: RowLayout): ProfileDelta {
  const clock = new ManualClock();
  const observer = createDriftObserver({
    layout,
    model: MODEL,
    reference: referenceOf(layout),
    profilesTopic: 'profiles',
    prefix: PREFIX,
    paneMs: 60_000,
    flushIntervalMs: 1_000,
    clock,
    workerId: 'w',
  });
  clock.advance(START_MS);
  const { rows, scores } = rowsOf(layout);
  observer.observe(rows, scores, sourceOf());
  const batch = batchOf([observer.takeDeltas(true, SINK)!]);
  return decodeProfileDelta(PREFIX, batch.buffer, batch.valueStart[0]!, batch.valueLength[0]!);
}

describe('drift of lists', () => {
  test('leaves them out, and columns that say so', () => {
    const layout = layoutOf({});
    const reference = referenceOf(layout);
    expect(reference.features.map(({ name }) => name)).toEqual(['last']);
    checkReferenceProfile(reference, layout, MODEL);
    const [pane] = deltaOf(layout).panes;
    expect(pane!.features.map(({ standIns, missing }) => [standIns, missing])).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  test('counts each element when the column asks for it', () => {
    const layout = layoutOf({ drift: true });
    const reference = referenceOf(layout);
    expect(reference.features.map(({ name }) => name)).toEqual(['list[0]', 'list[1]', 'last']);
    expect(
      reference.features.map((feature) => (feature.type === 'CATEGORICAL' ? null : [feature.min, feature.max, feature.missing])),
    ).toEqual([
      [10, 12, 0],
      [20, 21, 1],
      [5, 6, 0],
    ]);
    const [pane] = deltaOf(layout).panes;
    expect(pane!.features.map(({ standIns, missing }) => [standIns, missing])).toEqual([
      [1, 0],
      [1, 1],
      [0, 0],
      [0, 0],
    ]);
  });

  test('refuses a reference that was built with other columns', () => {
    expect(() => checkReferenceProfile(referenceOf(layoutOf({ drift: true })), layoutOf({}), MODEL)).toThrow(
      /column 0 is last \(float\) in the model and list\[0\] \(float\) in the profile/,
    );
  });
});
