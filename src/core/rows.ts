import { BytesColumn } from './bytes-column.ts';
import { RECORD_ERROR_CODES, type RecordErrorCode } from './errors.ts';
import type { RowLayout } from './layout.ts';
import type { RecordSlice } from './records.ts';

/** Row status 0: nothing is wrong. Any other status is 1 + index of its code in `RECORD_ERROR_CODES`. */
export const STATUS_OK = 0;

/** Row status: the record is settled without an output (a tombstone under `input.tombstones: skip`). */
export const STATUS_SKIPPED = 255;

/** Row status: the record belongs to another worker now, and nothing of it may be written or counted here. */
export const STATUS_WITHDRAWN = 254;

const STATUS_BY_CODE = new Map(RECORD_ERROR_CODES.map((code, index) => [code, index + 1]));

/** The status number of a record error. */
export function statusOf(code: RecordErrorCode): number {
  return STATUS_BY_CODE.get(code)!;
}

/** State of one feature group for one row: its entity was found in the online store. */
export const GROUP_HIT = 0;
/** The store knows nothing of the entity. */
export const GROUP_MISS = 1;
/** What the store knows is older than the group's `maxAgeMs`. */
export const GROUP_STALE = 2;
/** The store could not be asked in time. */
export const GROUP_UNAVAILABLE = 3;

/**
 * The rows of one micro-batch on their way through the pipeline: columns, a status lane, and the records they came
 * from. Reused from batch to batch (see `WorkPool`); every step reads and writes it in place.
 */
export class Rows {
  readonly layout: RowLayout;
  readonly capacity: number;
  /** Rows in use. */
  count = 0;
  /** Where the rows came from, in row order. */
  slices: RecordSlice[] = [];
  /** One row-major matrix a float tensor: value of `column` in `row` is `floats[column.lane][row * width + column.slot]`. NaN is no value. */
  readonly floats: readonly Float32Array[];
  /** One column a string column; null is no value. */
  readonly texts: readonly BytesColumn[];
  /** Entity of each row, one column a feature group. */
  readonly entities: readonly BytesColumn[];
  /** `GROUP_*` of each row, one lane a feature group. */
  readonly groupState: readonly Uint8Array[];
  /** Event time, milliseconds since the epoch. */
  readonly eventTimeMs: Float64Array;
  /** `STATUS_OK`, `STATUS_SKIPPED`, `STATUS_WITHDRAWN` or a record error. */
  readonly status: Uint8Array;
  /** Bit `column.index` of a row is set when the column holds a stand-in (missing, stale, unavailable, clamped, flagged). */
  readonly degraded: Uint32Array;
  /** As `degraded`: the column was given a value of a type that it does not take. Empty until the first such value. */
  wrongTypes = new Uint32Array(0);
  /** Values of a wrong type in this batch; 0: `wrongTypes` need not be looked at. */
  wrongTypeCount = 0;
  /** Rows whose status is not ok. */
  failed = 0;
  private readonly messages = new Map<number, string>();
  /** Writer schema id as text, run-length: an entry holds from its row to the next entry; '' where none could be read. For the dead letters. */
  readonly schemaIds = new Map<number, string>();

  constructor(layout: RowLayout, capacity: number) {
    this.layout = layout;
    this.capacity = capacity;
    this.floats = layout.floatWidths.map((width) => new Float32Array(width * capacity));
    this.texts = Array.from({ length: layout.textCount }, () => new BytesColumn(capacity));
    this.entities = layout.groups.map(() => new BytesColumn(capacity));
    this.groupState = layout.groups.map(() => new Uint8Array(capacity));
    this.eventTimeMs = new Float64Array(capacity);
    this.status = new Uint8Array(capacity);
    this.degraded = new Uint32Array(capacity * layout.degradedWords);
  }

  /** Starts a new micro-batch: all columns without value, all rows ok. */
  reset(slices: RecordSlice[]): void {
    const last = slices.at(-1);
    const count = last ? last.fromRow + last.to - last.from : 0;
    this.slices = slices;
    this.count = count;
    for (const [lane, matrix] of this.floats.entries()) matrix.fill(Number.NaN, 0, count * this.layout.floatWidths[lane]!);
    for (const column of this.texts) column.clear(count);
    for (const column of this.entities) column.clear(count);
    for (const lane of this.groupState) lane.fill(GROUP_HIT, 0, count);
    this.status.fill(STATUS_OK, 0, count);
    this.degraded.fill(0, 0, count * this.layout.degradedWords);
    if (this.wrongTypeCount > 0) this.wrongTypes.fill(0);
    this.wrongTypeCount = 0;
    for (const slice of slices) {
      const { records, from, to, fromRow } = slice;
      this.eventTimeMs.set(records.timestamps.subarray(from, to), fromRow);
    }
    this.failed = 0;
    this.messages.clear();
    this.schemaIds.clear();
  }

  /** Marks a row as failed. The first failure of a row counts; later ones are ignored. */
  fail(row: number, code: RecordErrorCode, message: string): void {
    if (this.status[row] !== STATUS_OK) return;
    this.status[row] = statusOf(code);
    this.messages.set(row, message);
    this.failed++;
  }

  /** Settles a row without any output. */
  skip(row: number): void {
    if (this.status[row] !== STATUS_OK) return;
    this.status[row] = STATUS_SKIPPED;
    this.failed++;
  }

  /** Takes a row out whatever its status: its partition has gone to another worker. */
  withdraw(row: number): void {
    if (this.status[row] === STATUS_OK) this.failed++;
    this.status[row] = STATUS_WITHDRAWN;
    this.messages.delete(row);
  }

  /** Code of a failed row; undefined for rows that are ok, skipped or withdrawn. */
  codeOf(row: number): RecordErrorCode | undefined {
    const status = this.status[row]!;
    return status === STATUS_OK ? undefined : RECORD_ERROR_CODES[status - 1];
  }

  messageOf(row: number): string {
    return this.messages.get(row) ?? '';
  }

  /** Marks that a column of a row holds a stand-in. */
  degrade(row: number, columnIndex: number): void {
    this.degraded[row * this.layout.degradedWords + (columnIndex >>> 5)]! |= 1 << (columnIndex & 31);
  }

  /** Marks that a column of a row was given a value of a type that it does not take, whatever becomes of the row. */
  markWrongType(row: number, columnIndex: number): void {
    if (this.wrongTypes.length === 0) this.wrongTypes = new Uint32Array(this.degraded.length);
    this.wrongTypes[row * this.layout.degradedWords + (columnIndex >>> 5)]! |= 1 << (columnIndex & 31);
    this.wrongTypeCount++;
  }

  /** True when some column of the row was given a value of a wrong type. */
  hasWrongType(row: number): boolean {
    if (this.wrongTypeCount === 0) return false;
    const words = this.layout.degradedWords;
    for (let w = 0; w < words; w++) if (this.wrongTypes[row * words + w] !== 0) return true;
    return false;
  }

  isDegraded(row: number): boolean {
    const words = this.layout.degradedWords;
    for (let w = 0; w < words; w++) if (this.degraded[row * words + w] !== 0) return true;
    return false;
  }

  /** Names of the columns that hold a stand-in. */
  degradedNames(row: number): string[] {
    const words = this.layout.degradedWords;
    return this.layout.columns.filter((c) => (this.degraded[row * words + (c.index >>> 5)]! >>> (c.index & 31)) & 1).map((c) => c.name);
  }

  /** Value of a float column. For tests and rare paths; hot loops index the matrix themselves. */
  float(row: number, column: { readonly lane: number; readonly slot: number }): number {
    return this.floats[column.lane]![row * this.layout.floatWidths[column.lane]! + column.slot]!;
  }
}

/** What the model said of a micro-batch. Reused like `Rows`. */
export class Scores {
  /** Primary output, one a row. NaN where the row is not ok. */
  readonly score: Float64Array;
  /** Class of each row as text, or undefined when the package names no label. Filled from a small set of interned strings. */
  label: (string | undefined)[] | undefined;
  /** Further outputs by name: row-major matrices of `width` values a row. */
  readonly extras: { readonly name: string; readonly width: number; readonly values: Float32Array }[];

  constructor(capacity: number, options: { label: boolean; extras: readonly { name: string; width: number }[] }) {
    this.score = new Float64Array(capacity);
    this.label = options.label ? new Array<string | undefined>(capacity).fill(undefined) : undefined;
    this.extras = options.extras.map(({ name, width }) => ({ name, width, values: new Float32Array(width * capacity) }));
  }
}
