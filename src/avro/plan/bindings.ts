import { type BindingNode, isCompared, isOnlyCompared, pathText, type Target } from '../../core/bindings.ts';
import { type AvroSchema, type RecordSchema, describe } from './schema.ts';

/** True when values of the type can fill the target. `schema` is no union and not null. */
export function isAccepted(schema: AvroSchema, target: Target): boolean {
  switch (target.kind) {
    case 'float':
      return ['boolean', 'int', 'long', 'float', 'double'].includes(schema.type) || isDecimal(schema);
    case 'text':
      return schema.type === 'string' || schema.type === 'enum' || isBinaryUuid(schema);
    case 'entity':
      return ['string', 'enum', 'int', 'long'].includes(schema.type) || isBinaryUuid(schema);
    case 'list':
      return false;
    case 'time':
      return schema.type === 'int' || schema.type === 'long';
  }
}

const WANTED: Record<Target['kind'], string> = {
  float: 'a number, boolean or decimal',
  text: 'a string, enum or uuid',
  entity: 'a string, enum, uuid, int or long',
  list: 'a list of numbers, which is read from JSON only (input.format json)',
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
    // A comparison is no reason to go without a prediction.
    problems.push({ kind: isCompared(target) ? 'absent' : 'type', message: refusal(node.path, types[0]!, target) });
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
    return {
      kind: types.length === 0 || isOnlyCompared(child) ? 'absent' : 'type',
      message: `${path} cannot be bound: ${parent} is ${type}, not a record.`,
    };
  }
  const names = records.flatMap((r) => r.fields.map((f) => f.name));
  const near = names.find((n) => n.toLowerCase() === child.path.at(-1)?.toLowerCase());
  const has = near ? ` Did you mean ${near}?` : ` It has ${names.slice(0, 12).join(', ')}${names.length > 12 ? ', …' : ''}.`;
  return { kind: 'absent', message: `${path} does not exist in ${describe(records[0]!)}.${has}` };
}
