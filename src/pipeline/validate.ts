import type { RecordErrorCode } from '../core/errors.ts';
import { blockRowsOf, type Column, type RowLayout } from '../core/layout.ts';
import type { PipelineMetrics } from '../core/ports.ts';
import { Bounds, FLOAT32_MAX } from './bounds.ts';
import { GROUP_HIT, type Rows, STATUS_OK } from '../core/rows.ts';

/**
 * Makes the validator of a model's rows: no value → default or, where required, `missing_required`; infinite →
 * `not_finite`; out of range → `out_of_range`; the last two as `onInvalid` of the column says. Afterwards rows that are
 * not ok hold zeros and no texts, so that they cannot harm the run of their batch mates.
 *
 * Stand-ins (defaults, clamped and flagged values) set the column's bit in `rows.degraded`. Runs column by column, a block of rows
 * after the other, and allocates nothing for good rows.
 */
export function createValidator(layout: RowLayout, metrics: PipelineMetrics): (rows: Rows) => void {
  const floatChecks = layout.columns.flatMap((column) => (column.kind === 'float' ? [floatCheck(column, layout, metrics)] : []));
  const textChecks = layout.columns.flatMap((column) => (column.kind === 'string' ? (textCheck(column, layout, metrics) ?? []) : []));
  const blockRows = blockRowsOf(layout.floatWidths.reduce((sum, width) => sum + width, 1));
  const bounds = new Bounds(layout, blockRows);
  return (rows) => {
    for (let from = 0; from < rows.count; from += blockRows) {
      const to = Math.min(rows.count, from + blockRows);
      // Nearly always all is well, which is seen in a small part of the time of the single columns.
      if (!bounds.hold(rows, from, to)) for (const check of floatChecks) check(rows, from, to);
    }
    for (const check of textChecks) check(rows, 0, rows.count);
    if (rows.failed > 0) neutralize(rows);
  };
}

type Check = (rows: Rows, fromRow: number, toRow: number) => void;
type CheckFloats = (rows: Rows, values: Float32Array, status: Uint8Array, fromRow: number, toRow: number) => void;

/**
 * Bounds are compared as float32, as the values are: 0.1 in a float32 column is above 0.1 as a double.
 * The order of the tests makes a good value cost two comparisons.
 */
function floatCheck(column: Column, layout: RowLayout, metrics: PipelineMetrics): Check {
  const { name, lane, slot, size, index, required, onInvalid } = column;
  const width = layout.floatWidths[lane]!;
  const min = column.min === undefined ? -FLOAT32_MAX : Math.fround(column.min);
  const max = column.max === undefined ? FLOAT32_MAX : Math.fround(column.max);
  const fallback = typeof column.default === 'number' ? Math.fround(column.default) : Number.NaN;
  const hasDefault = column.default !== undefined;
  const group = groupOf(column, layout);
  let dead = 0;
  let invalid = 0;

  const fail = (rows: Rows, row: number, at: number, code: RecordErrorCode, what: string): void => {
    const element = size === undefined ? '' : `Element ${at - row * width - slot} of `;
    rows.fail(row, code, `${element === '' ? 'Column' : `${element}column`} ${name} ${what}.`);
    dead++;
  };

  /** Deals with a value that is NaN or out of bounds. */
  const judge = (rows: Rows, values: Float32Array, row: number, at: number): void => {
    const value = values[at]!;
    if (value !== value) {
      if (hasDefault && (group < 0 || rows.groupState[group]![row] === GROUP_HIT)) {
        values[at] = fallback;
        rows.degrade(row, index);
      } else if (required) fail(rows, row, at, 'missing_required', 'has no value');
      return;
    }
    const isInfinite = value < -FLOAT32_MAX || value > FLOAT32_MAX;
    // Clamping infinity takes a bound on its side.
    const canClamp = onInvalid === 'clamp' && (!isInfinite || (value > 0 ? column.max : column.min) !== undefined);
    if (onInvalid === 'dead-letter' || (onInvalid === 'clamp' && !canClamp)) {
      if (isInfinite) fail(rows, row, at, 'not_finite', 'is infinite');
      else if (value < min) fail(rows, row, at, 'out_of_range', `is below its min of ${column.min}`);
      else fail(rows, row, at, 'out_of_range', `is above its max of ${column.max}`);
      return;
    }
    invalid++;
    rows.degrade(row, index);
    if (onInvalid === 'clamp') values[at] = value < min ? min : max;
    else if (onInvalid === 'default') values[at] = fallback;
  };

  const checkValues: CheckFloats = (rows, values, status, fromRow, toRow) => {
    for (let row = fromRow, at = fromRow * width + slot; row < toRow; row++, at += width) {
      const value = values[at]!;
      if (value >= min && value <= max) continue;
      if (status[row] === STATUS_OK) judge(rows, values, row, at);
    }
  };

  const checkLists: CheckFloats = (rows, values, status, fromRow, toRow) => {
    for (let row = fromRow; row < toRow; row++) {
      const start = row * width + slot;
      for (let at = start; at < start + size!; at++) {
        const value = values[at]!;
        if (value >= min && value <= max) continue;
        if (status[row] !== STATUS_OK) break;
        judge(rows, values, row, at);
      }
    }
  };

  const checkFloats = size === undefined ? checkValues : checkLists;
  return (rows, fromRow, toRow) => {
    dead = 0;
    invalid = 0;
    checkFloats(rows, rows.floats[lane]!, rows.status, fromRow, toRow);
    if (dead > 0) metrics.invalid(name, 'dead-letter', dead);
    if (invalid > 0) metrics.invalid(name, onInvalid, invalid);
  };
}

function textCheck(column: Column, layout: RowLayout, metrics: PipelineMetrics): Check | undefined {
  const { name, lane, index, required } = column;
  const fallback = column.default === undefined ? undefined : String(column.default);
  // Without default and not required, no value stays no value; the model sees the empty string.
  if (fallback === undefined && !required) return undefined;
  const group = groupOf(column, layout);
  const message = `Column ${name} has no value.`;

  return (rows, fromRow, toRow) => {
    const texts = rows.texts[lane]!;
    let filled = -1;
    let missing = 0;
    for (let row = fromRow; row < toRow; row++) {
      if (texts.length[row]! >= 0 || rows.status[row] !== STATUS_OK) continue;
      if (fallback === undefined || (group >= 0 && rows.groupState[group]![row] !== GROUP_HIT)) {
        if (required) {
          rows.fail(row, 'missing_required', message);
          missing++;
        }
        continue;
      }
      if (filled < 0) texts.setText(row, fallback);
      else texts.alias(row, filled);
      filled = row;
      rows.degrade(row, index);
    }
    if (missing > 0) metrics.invalid(name, 'dead-letter', missing);
  };
}

/**
 * Index of the feature group of a column, −1 for event columns. A null in a row that the store has is filled here; what
 * becomes of a row that it does not have is the policy of the group (`onMissing`), which the enricher has carried out.
 */
function groupOf({ binding }: Column, layout: RowLayout): number {
  return binding.from === 'group' ? layout.groups.findIndex(({ name }) => name === binding.group) : -1;
}

/** Zeros and no texts in all rows that are not ok. */
function neutralize(rows: Rows): void {
  const { floatWidths } = rows.layout;
  for (let row = 0; row < rows.count; row++) {
    if (rows.status[row] === STATUS_OK) continue;
    for (let lane = 0; lane < rows.floats.length; lane++) {
      const width = floatWidths[lane]!;
      rows.floats[lane]!.fill(0, row * width, (row + 1) * width);
    }
    for (const texts of rows.texts) texts.setNull(row);
  }
}
