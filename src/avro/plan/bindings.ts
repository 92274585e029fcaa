import type { RowLayout } from '../../core/layout.ts';
import { type AvroSchema, type RecordSchema, describe } from './schema.ts';

/** A place in the rows that a field of the event fills. */
export type Target =
  | { readonly kind: 'float'; readonly what: string; readonly lane: number; readonly slot: number }
  | { readonly kind: 'text'; readonly what: string; readonly lane: number }
  | { readonly kind: 'entity'; readonly what: string; readonly index: number }
  | { readonly kind: 'time'; readonly what: string };

/** The bound paths of a layout as a tree of field names. */
export interface BindingNode {
  /** Names from the top of the event. */
  readonly path: readonly string[];
  /** What this field fills. */
  readonly targets: Target[];
  readonly children: Map<string, BindingNode>;
}

/** `event.a.b`, as the path is written in a model package. */
export function pathText(path: readonly string[]): string {
  return ['event', ...path].join('.');
}

/** The tree of the fields that a layout binds to: event columns, entities of groups, event time. */
export function bindingTree(layout: RowLayout): BindingNode {
  const root: BindingNode = { path: [], targets: [], children: new Map() };
  for (const column of layout.eventColumns) {
    if (column.binding.from !== 'event') continue;
    const what = `column ${column.name}`;
    const target: Target =
      column.kind === 'float' ? { kind: 'float', what, lane: column.lane, slot: column.slot } : { kind: 'text', what, lane: column.lane };
    nodeAt(root, column.binding.path).targets.push(target);
  }
  for (const group of layout.groups)
    nodeAt(root, group.entity).targets.push({ kind: 'entity', what: `the entity of group ${group.name}`, index: group.index });
  if (layout.eventTime) nodeAt(root, layout.eventTime).targets.push({ kind: 'time', what: 'the event time' });
  return root;
}

function nodeAt(root: BindingNode, path: readonly string[]): BindingNode {
  let node = root;
  for (const name of path) {
    let child = node.children.get(name);
    if (!child) node.children.set(name, (child = { path: [...node.path, name], targets: [], children: new Map() }));
    node = child;
  }
  return node;
}

/** True when values of the type can fill the target. `schema` is no union and not null. */
export function isAccepted(schema: AvroSchema, target: Target): boolean {
  switch (target.kind) {
    case 'float':
      return ['boolean', 'int', 'long', 'float', 'double'].includes(schema.type) || isDecimal(schema);
    case 'text':
      return schema.type === 'string' || schema.type === 'enum' || isBinaryUuid(schema);
    case 'entity':
      return ['string', 'enum', 'int', 'long'].includes(schema.type) || isBinaryUuid(schema);
    case 'time':
      return schema.type === 'int' || schema.type === 'long';
  }
}

const WANTED: Record<Target['kind'], string> = {
  float: 'a number, boolean or decimal',
  text: 'a string, enum or uuid',
  entity: 'a string, enum, uuid, int or long',
  time: 'a long (timestamp-millis, timestamp-micros, or milliseconds)',
};

/** Says why a type cannot fill a target. */
export function refusal(path: readonly string[], schema: AvroSchema, target: Target): string {
  return `${pathText(path)} is ${describe(schema)}, but ${target.what} needs ${WANTED[target.kind]}.`;
}

/** True for bytes and fixed that hold a decimal. */
export function isDecimal(schema: AvroSchema): boolean {
  return (schema.type === 'bytes' || schema.type === 'fixed') && schema.logicalType === 'decimal';
}

/** True for `fixed(16)` that holds a uuid. */
export function isBinaryUuid(schema: AvroSchema): boolean {
  return schema.type === 'fixed' && schema.logicalType === 'uuid' && schema.size === 16;
}

/** A bound field that a schema lacks, or has with a type that cannot be bound. */
export interface BindingProblem {
  readonly kind: 'absent' | 'type';
  readonly message: string;
}

/** Holds all bound paths against one schema. A path through a union exists when some branch has it. */
export function bindingProblems(schema: AvroSchema, root: BindingNode): BindingProblem[] {
  const problems: BindingProblem[] = [];
  inspect([schema], root, problems);
  return problems;
}

function inspect(schemas: readonly AvroSchema[], node: BindingNode, problems: BindingProblem[]): void {
  const types = schemas.flatMap((s) => (s.type === 'union' ? s.branches : [s])).filter((s) => s.type !== 'null');
  for (const target of node.targets) {
    if (types.length === 0 || types.some((s) => isAccepted(s, target))) continue;
    problems.push({ kind: 'type', message: refusal(node.path, types[0]!, target) });
  }
  if (node.children.size === 0) return;
  const records = types.filter((s): s is RecordSchema => s.type === 'record');
  for (const [name, child] of node.children) {
    const found = records.flatMap((r) => r.fields.filter((f) => f.name === name).map((f) => f.schema));
    if (found.length > 0) inspect(found, child, problems);
    else problems.push(absence(child, records, types));
  }
}

function absence(child: BindingNode, records: readonly RecordSchema[], types: readonly AvroSchema[]): BindingProblem {
  const path = pathText(child.path);
  const parent = pathText(child.path.slice(0, -1));
  if (records.length === 0) {
    const type = types[0] ? describe(types[0]) : 'null';
    return { kind: types.length === 0 ? 'absent' : 'type', message: `${path} cannot be bound: ${parent} is ${type}, not a record.` };
  }
  const names = records.flatMap((r) => r.fields.map((f) => f.name));
  const near = names.find((n) => n.toLowerCase() === child.path.at(-1)?.toLowerCase());
  const has = near ? ` Did you mean ${near}?` : ` It has ${names.slice(0, 12).join(', ')}${names.length > 12 ? ', …' : ''}.`;
  return { kind: 'absent', message: `${path} does not exist in ${describe(records[0]!)}.${has}` };
}

/** Number of targets below and at a node. */
export function countTargets(node: BindingNode): number {
  let count = node.targets.length;
  for (const child of node.children.values()) count += countTargets(child);
  return count;
}
