import { type ColumnSpec, type RowLayout, createRowLayout } from '../../src/core/layout.ts';
import { Rows } from '../../src/core/rows.ts';
import type { AvroSchema, RecordSchema } from '../../src/avro/plan/schema.ts';
import type { OracleValue } from './java-oracle.ts';

/** What a leaf of a reader schema is bound to in a test. */
export interface BoundLeaf {
  readonly path: readonly string[];
  readonly use: 'float' | 'text' | 'entity';
}

/** All scalar leaves of a schema, each with one use, and the layout that binds them. */
export interface BoundSchema {
  readonly leaves: readonly BoundLeaf[];
  /** True when leaves were left out: the schema is recursive, or very large. */
  readonly isPartial: boolean;
  readonly layout: RowLayout;
}

const MAX_PATH = 5;
const MAX_LEAVES = 80;

const ACCEPTED: Readonly<Record<BoundLeaf['use'], ReadonlySet<string>>> = {
  float: new Set(['boolean', 'int', 'long', 'float', 'double']),
  text: new Set(['string', 'enum']),
  entity: new Set(['string', 'enum', 'int', 'long']),
};

function branchesOf(schema: AvroSchema): readonly AvroSchema[] {
  return schema.type === 'union' ? schema.branches : [schema];
}

/** Binds every scalar leaf; `choose` picks one of the uses that a leaf allows. */
export function bindLeaves(schema: AvroSchema, choose: (uses: readonly BoundLeaf['use'][]) => BoundLeaf['use']): BoundSchema {
  const leaves: BoundLeaf[] = [];
  let isPartial = false;
  const visit = (schemas: readonly AvroSchema[], path: readonly string[]): void => {
    const types = schemas.flatMap(branchesOf);
    const uses = (['float', 'text', 'entity'] as const).filter((use) => types.some((t) => ACCEPTED[use].has(t.type)));
    const records = types.filter((t): t is RecordSchema => t.type === 'record');
    if (uses.length > 0 && path.length > 0) {
      if (leaves.length < MAX_LEAVES) leaves.push({ path, use: choose(uses) });
      else isPartial = true;
    }
    if (path.length >= MAX_PATH) {
      if (records.length > 0) isPartial = true;
      return;
    }
    // A union of scalars and records is bound as a scalar only: the path into the record would fail for the scalars.
    if (uses.length > 0 && path.length > 0) {
      if (records.length > 0) isPartial = true;
      return;
    }
    for (const name of new Set(records.flatMap((r) => r.fields.map((f) => f.name)))) {
      const found = records.flatMap((r) => r.fields.filter((f) => f.name === name).map((f) => f.schema));
      visit(found, [...path, name]);
    }
  };
  visit([schema], []);
  return { leaves, isPartial, layout: layoutFor(leaves) };
}

/** A layout with one column or entity a leaf; entity i belongs to group `g<i>`. */
export function layoutFor(leaves: readonly BoundLeaf[]): RowLayout {
  const column = (name: string, kind: 'float' | 'string', binding: ColumnSpec['binding']): ColumnSpec => ({
    name,
    kind,
    binding,
    required: false,
    onInvalid: 'flag',
  });
  const event = (use: BoundLeaf['use'], kind: 'float' | 'string'): ColumnSpec[] =>
    leaves.flatMap((l, i) => (l.use === use ? [column(`c${i}`, kind, { from: 'event', path: l.path })] : []));
  const entities = new Map(leaves.flatMap((l, i) => (l.use === 'entity' ? [[`g${i}`, l.path] as const] : [])));
  const groups = [...entities.keys()].map((group) => column(`k${group}`, 'float', { from: 'group', group, feature: 'x' }));
  return createRowLayout(
    [
      { name: 'floats', kind: 'float', columns: event('float', 'float') },
      { name: 'texts', kind: 'string', columns: event('text', 'string') },
      { name: 'features', kind: 'float', columns: groups },
    ],
    { entities },
  );
}

/** Rows of a layout with one empty row. */
export function emptyRow(layout: RowLayout): Rows {
  const rows = new Rows(layout, 1);
  clearRow(rows);
  return rows;
}

/** Makes row 0 empty again. */
export function clearRow(rows: Rows): void {
  const records = { timestamps: new Float64Array(1) } as unknown as Rows['slices'][number]['records'];
  rows.reset([{ records, from: 0, to: 1, fromRow: 0 }]);
}

/** What row 0 holds for a leaf: NaN or undefined is no value. */
export function leafValue(rows: Rows, leaf: BoundLeaf, index: number): number | string | undefined {
  const column = rows.layout.columns.find((c) => c.name === `c${index}`);
  if (leaf.use === 'float') return rows.float(0, column!);
  if (leaf.use === 'text') return rows.texts[column!.lane]!.text(0);
  return rows.entities[rows.layout.groups.find((g) => g.name === `g${index}`)!.index]!.text(0);
}

/** What a row must hold for a leaf when the reader sees `value`; `unresolvable` when the value cannot fill the column. */
export function expectedValue(value: OracleValue, leaf: BoundLeaf): number | string | undefined | 'unresolvable' {
  let here: OracleValue = value;
  const none = leaf.use === 'float' ? Number.NaN : undefined;
  for (const name of leaf.path) {
    if (isScalar(here)) return here[0] === 'null' ? none : 'unresolvable';
    if (!Object.hasOwn(here, name)) return none;
    here = here[name]!;
  }
  if (!isScalar(here)) return 'unresolvable';
  const [type, text] = here;
  if (type === 'null') return none;
  if (!ACCEPTED[leaf.use].has(type)) return 'unresolvable';
  if (leaf.use !== 'float') return text;
  if (type === 'boolean') return text === 'true' ? 1 : 0;
  return type === 'long' ? float32Of(BigInt(text)) : Math.fround(Number(text));
}

function isScalar(value: OracleValue): value is readonly [string, string] {
  return Array.isArray(value);
}

/** The float32 nearest to an integer, ties to even; by integer arithmetic, so that it shares nothing with what it checks. */
export function float32Of(value: bigint): number {
  const magnitude = value < 0n ? -value : value;
  const bits = magnitude.toString(2).length;
  if (bits <= 24) return Number(value);
  const shift = BigInt(bits - 24);
  const kept = magnitude >> shift;
  const rest = magnitude - (kept << shift);
  const half = 1n << (shift - 1n);
  const up = rest > half || (rest === half && (kept & 1n) === 1n) ? 1n : 0n;
  const rounded = Number((kept + up) << shift);
  return value < 0n ? -rounded : rounded;
}
