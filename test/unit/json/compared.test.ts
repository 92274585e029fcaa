import { describe, expect, it } from 'vitest';
import { createRowLayout } from '../../../src/core/layout.ts';
import { type Rows, STATUS_OK } from '../../../src/core/rows.ts';
import { column, decode, LAYOUT } from './json-fixture.ts';

const wrong = (rows: Rows): string[] =>
  rows.layout.columns.filter(({ index }) => ((rows.wrongTypes[0] ?? 0) >>> index) & 1).map(({ name }) => name);

describe('values of a wrong type in JSON events', () => {
  it.each([
    ['{"x": "1", "at": 5}', ['x'], 5],
    ['{"at": 5, "x": {}, "s": 3, "a": {"b": {"y": "no"}}}', ['x', 'deep', 's'], 5],
    ['{"a": 1, "at": 5}', ['deep', 't'], 5],
    ['{"a": {"b": [1]}, "at": 5}', ['deep'], 5],
    ['{"list": [1, 2], "at": 5}', ['list'], 5],
    // The time of the record, as for a record that says none.
    ['{"s": true}', ['s'], 7],
    // The last one of a key counts.
    ['{"x": "1", "x": 1, "s": 0, "at": 5}', ['s'], 5],
  ])('%s: the row fails, its columns are marked, its event time is known', (text, names, time) => {
    const rows = decode([text]);
    expect([rows.codeOf(0), wrong(rows), rows.eventTimeMs[0]]).toEqual(['data_unresolvable', names, time]);
  });

  it.each(['{"x": "1", "at": "soon"}', '{"id": 1.5}', '{"s": "\\ud800"}', '{"x": "1"'])('%s: no column is marked', (text) => {
    const rows = decode([text]);
    expect([rows.status[0] === STATUS_OK, rows.wrongTypeCount]).toEqual([false, 0]);
  });
});

describe('fields that are only compared', () => {
  const layout = createRowLayout(
    [
      {
        name: 'x',
        kind: 'float',
        columns: [column('x', 'x', { compareWith: { from: 'event', path: ['o', 'x'] } }), column('z', 'z')],
      },
      {
        name: 's',
        kind: 'string',
        columns: [column('s', 's', { kind: 'string', compareWith: { from: 'event', path: ['o', 's'] } })],
      },
    ],
    { entities: new Map() },
  );
  const seen = (text: string): unknown[] => {
    const rows = decode([text], layout);
    const [x, s] = layout.comparisons;
    return [
      rows.status[0],
      rows.float(0, x!.column),
      rows.float(0, x!.other),
      rows.texts[s!.column.lane]!.text(0),
      rows.texts[s!.other.lane]!.text(0),
    ];
  };

  it.each([
    ['{"x": 1, "o": {"x": 2, "s": "b"}, "s": "a"}', [0, 1, 2, 'a', 'b']],
    ['{"x": 1, "s": "a"}', [0, 1, NaN, 'a', undefined]],
    // Whatever stands there, the record is scored.
    ['{"x": 1, "o": {"x": "2", "s": 5}, "s": "a"}', [0, 1, NaN, 'a', undefined]],
    ['{"x": 1, "o": 7, "s": "a"}', [0, 1, NaN, 'a', undefined]],
    ['{"x": 1, "o": {"x": 2, "x": null}, "s": "a"}', [0, 1, NaN, 'a', undefined]],
  ])('%s', (text, values) => {
    expect(seen(text)).toEqual(values);
  });

  it('do not hide what is wrong with a column', () => {
    const rows = decode(['{"x": "1", "o": {"x": "2"}}'], layout);
    expect([rows.codeOf(0), wrong(rows)]).toEqual(['data_unresolvable', ['x']]);
    expect(LAYOUT.comparisons).toEqual([]);
  });
});
