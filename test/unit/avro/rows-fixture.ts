import { createRowLayout, type RowLayout, type TensorSpec } from '../../../src/core/layout.ts';
import type { RecordBatch, RecordSlice } from '../../../src/core/records.ts';
import { Rows } from '../../../src/core/rows.ts';

/** A layout of `count` float columns c0, c1, … bound to event fields of the same names. */
export function floatLayout(count: number): RowLayout {
  const columns = Array.from({ length: count }, (_, i): TensorSpec['columns'][number] => ({
    name: `c${i}`,
    kind: 'float',
    binding: { from: 'event', path: [`c${i}`] },
    required: false,
    onInvalid: 'dead-letter',
  }));
  return createRowLayout([{ name: 'x', kind: 'float', columns }], { entities: new Map() });
}

/** Rows over whole record batches, one slice a batch. */
export function rowsOf(layout: RowLayout, ...batches: RecordBatch[]): Rows {
  const slices: RecordSlice[] = [];
  let fromRow = 0;
  for (const records of batches) {
    slices.push({ records, from: 0, to: records.count, fromRow });
    fromRow += records.count;
  }
  const rows = new Rows(layout, Math.max(1, fromRow));
  rows.reset(slices);
  return rows;
}
