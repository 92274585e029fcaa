import { WeirError } from './errors.ts';

/** Where the value of a column comes from. */
export type Binding =
  | { readonly from: 'event'; readonly path: readonly string[] }
  | { readonly from: 'group'; readonly group: string; readonly feature: string };

/** What to do with a value that is out of range or not finite. */
export type InvalidAction = 'dead-letter' | 'clamp' | 'default' | 'flag';

/** A column as the model package declares it. */
export interface ColumnSpec {
  /** Unique name within the model; used in drift statistics, metrics and messages. */
  readonly name: string;
  readonly kind: 'float' | 'string';
  readonly binding: Binding;
  /** Where the same value can be had, too: drift counts how often both differ. The model is not given it. Not for lists. */
  readonly compareWith?: Binding;
  /** A list of so many numbers in consecutive slots of the tensor, bound as one. Absent: one value. Float columns of the event only. */
  readonly size?: number;
  /** Whether drift counts the column. Default: true for one value, false for a list; true for a list counts each element. */
  readonly drift?: boolean;
  /** True: no value is an error of the record. */
  readonly required: boolean;
  /** Stands in for no value; in a list, for each element without one. Absent: NaN, or the empty string. */
  readonly default?: number | string;
  /** Smallest and largest value allowed, inclusive. Floats only. */
  readonly min?: number;
  readonly max?: number;
  readonly onInvalid: InvalidAction;
}

/** A model input: a dense row-major matrix of one kind. */
export interface TensorSpec {
  /** Input name in the ONNX graph. */
  readonly name: string;
  readonly kind: 'float' | 'string';
  readonly columns: readonly ColumnSpec[];
}

/** A column with its place in the rows. */
export interface Column extends ColumnSpec {
  /** Position in `RowLayout.columns`; the bit of this column in `Rows.degraded`. */
  readonly index: number;
  /** Position of the tensor in `RowLayout.tensors`. */
  readonly tensor: number;
  /** Position within the tensor's row; of a list, that of its first element. */
  readonly slot: number;
  /** Float columns: index into `Rows.floats` (one matrix a float tensor). String columns: index into `Rows.texts`. */
  readonly lane: number;
}

/** A tensor with its place in the rows. */
export interface Tensor {
  readonly name: string;
  readonly kind: 'float' | 'string';
  /** Values per row. */
  readonly width: number;
  readonly columns: readonly Column[];
  /** Float tensors: index into `Rows.floats`; −1 for string tensors. */
  readonly lane: number;
}

/** A feature group that some column needs. */
export interface GroupLayout {
  readonly name: string;
  /** Position in `RowLayout.groups`, `Rows.entities` and `Rows.groupState`. */
  readonly index: number;
  /** Field of the event whose value is the entity. */
  readonly entity: readonly string[];
  /** Columns of this group, in layout order. */
  readonly columns: readonly Column[];
  /** Values of this group that are only compared with a column (`RowLayout.comparisons`). */
  readonly compared: readonly Column[];
}

/** A column whose value is held against that of another place. */
export interface Comparison {
  readonly column: Column;
  /** The other value: in a lane of its own, behind those of the model. Its `index` and `tensor` are −1, and no step judges it. */
  readonly other: Column;
}

/** What drift counts: a column, or one element of a list. */
export interface Monitored {
  /** Name of the column, or `name[element]`. */
  readonly name: string;
  readonly column: Column;
  /** Position within the tensor's row. */
  readonly slot: number;
}

/** How rows of a model are laid out in memory. Made once at start. */
export interface RowLayout {
  readonly columns: readonly Column[];
  /** What is read of the event: columns, then values that are only compared. */
  readonly eventColumns: readonly Column[];
  /** Columns that say `compareWith`. */
  readonly comparisons: readonly Comparison[];
  /** What drift counts, in the order of the columns. */
  readonly monitored: readonly Monitored[];
  readonly tensors: readonly Tensor[];
  readonly groups: readonly GroupLayout[];
  /** Width of each float matrix: those of the model, then at most one of values that are only compared. */
  readonly floatWidths: readonly number[];
  /** How many of the float matrices are inputs of the model. */
  readonly modelFloats: number;
  /** Number of string columns: those of the model, then values that are only compared. */
  readonly textCount: number;
  /** How many of the string columns are inputs of the model. */
  readonly modelTexts: number;
  /** Field of the event with the event time (milliseconds since the epoch); absent: the record's timestamp. */
  readonly eventTime?: readonly string[];
  /** 32-bit words per row in `Rows.degraded`. */
  readonly degradedWords: number;
}

/** What of the pipeline file the layout depends on. */
export interface LayoutOptions {
  /** Entity field by group name; a group that a column needs and that is not here is an error. */
  readonly entities: ReadonlyMap<string, readonly string[]>;
  readonly eventTime?: readonly string[];
}

/**
 * Places the columns of a model's inputs in memory.
 * @throws WeirError `config_invalid` when a column needs a group that the pipeline does not define
 */
export function createRowLayout(inputs: readonly TensorSpec[], options: LayoutOptions): RowLayout {
  const columns: Column[] = [];
  const floatWidths: number[] = [];
  let textCount = 0;
  const tensors = inputs.map((input, tensor): Tensor => {
    const width = valuesOf(input);
    const lane = input.kind === 'float' ? floatWidths.push(width) - 1 : -1;
    let next = 0;
    const placed = input.columns.map((spec): Column => {
      const slot = next;
      next += spec.size ?? 1;
      const column = { ...spec, index: columns.length, tensor, slot, lane: input.kind === 'float' ? lane : textCount++ };
      columns.push(column);
      return column;
    });
    return { name: input.name, kind: input.kind, width, columns: placed, lane };
  });

  const modelFloats = floatWidths.length;
  const modelTexts = textCount;
  const comparisons = comparisonsOf(columns, modelFloats, modelTexts);
  const others = comparisons.map(({ other }) => other);
  const floats = others.filter(({ kind }) => kind === 'float').length;
  if (floats > 0) floatWidths.push(floats);
  textCount += others.length - floats;

  const byGroup = new Map<string, Column[]>();
  for (const column of [...columns, ...others]) {
    if (column.binding.from !== 'group') continue;
    const members = byGroup.get(column.binding.group);
    if (members) members.push(column);
    else byGroup.set(column.binding.group, [column]);
  }
  const groups = [...byGroup].map(([name, members], index): GroupLayout => {
    const entity = options.entities.get(name);
    if (!entity) {
      throw new WeirError(
        'config_invalid',
        `Column ${members[0]!.name} is bound to feature group ${name}, which the pipeline file does not define under features.`,
      );
    }
    const isCompared = ({ index: place }: Column): boolean => place < 0;
    return { name, index, entity, columns: members.filter((c) => !isCompared(c)), compared: members.filter(isCompared) };
  });
  return {
    columns,
    eventColumns: [...columns, ...others].filter((c) => c.binding.from === 'event'),
    comparisons,
    monitored: columns.flatMap(monitoredOf),
    tensors,
    groups,
    floatWidths,
    modelFloats,
    textCount,
    modelTexts,
    ...(options.eventTime ? { eventTime: options.eventTime } : {}),
    degradedWords: Math.max(1, Math.ceil(columns.length / 32)),
  };
}

/** Of a block of rows that is worked on column by column: half of a usual first-level cache. */
const BLOCK_BYTES = 16_384;
const LEAST_BLOCK_ROWS = 16;

/**
 * How many rows to take together in steps that go column by column. The floats of a row lie side by side, so a column touches a line of
 * the cache in every row, and each of the next columns the same lines: they must still be there.
 * @param width floats of a row
 */
export function blockRowsOf(width: number): number {
  return Math.max(LEAST_BLOCK_ROWS, Math.floor(BLOCK_BYTES / (4 * width)));
}

/** Values per row of a model input. */
export function valuesOf({ columns }: TensorSpec): number {
  return columns.reduce((sum, { size = 1 }) => sum + size, 0);
}

/** Places the values that columns are compared with: numbers side by side in one more matrix, texts each in a column. */
function comparisonsOf(columns: readonly Column[], floatLane: number, textLane: number): Comparison[] {
  let slot = 0;
  let text = textLane;
  return columns.flatMap((column) => {
    const { name, kind, compareWith } = column;
    if (!compareWith) return [];
    const place = kind === 'float' ? { lane: floatLane, slot: slot++ } : { lane: text++, slot: 0 };
    const other: Column = { name, kind, binding: compareWith, required: false, onInvalid: 'flag', index: -1, tensor: -1, ...place };
    return [{ column, other }];
  });
}

function monitoredOf(column: Column): Monitored[] {
  const { name, slot, size, drift = size === undefined } = column;
  if (!drift) return [];
  if (size === undefined) return [{ name, column, slot }];
  return Array.from({ length: size }, (_, i) => ({ name: `${name}[${i}]`, column, slot: slot + i }));
}
