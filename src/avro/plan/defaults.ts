import { type BindingNode, pathText, type Target } from '../../core/bindings.ts';
import { isAccepted, isBinaryUuid, isDecimal, refusal } from './bindings.ts';
import { MAX_SCHEMA_DEPTH } from './limits.ts';
import type { AvroField, AvroSchema, RecordSchema } from './schema.ts';
import type { Assignment } from './steps.ts';
import { decimalFrom, millisFrom, uuidText } from './units.ts';

/** Defaults of bound fields that cannot be used, as sentences. */
export function defaultProblems(schema: AvroSchema, node: BindingNode): string[] {
  if (schema.type === 'union') return schema.branches.flatMap((branch) => defaultProblems(branch, node));
  if (schema.type !== 'record') return [];
  return schema.fields.flatMap((field) => {
    const child = node.children.get(field.name);
    if (!child) return [];
    const below = defaultProblems(field.schema, child);
    if (!field.hasDefault) return below;
    try {
      defaultAssignments(field, child);
      return below;
    } catch (thrown) {
      if (!(thrown instanceof InvalidDefault)) throw thrown;
      return [thrown.message, ...below];
    }
  });
}

/** A default that cannot be used. Never leaves this folder: it becomes an `error` step or a finding. */
export class InvalidDefault extends Error {}

/**
 * What the default of a reader's field puts into the targets below a node. Null gives nothing: the column has no value.
 * @throws InvalidDefault when the default is no value of the field's type, or none that the targets take
 */
export function defaultAssignments(field: AvroField, node: BindingNode): Assignment[] {
  const assignments: Assignment[] = [];
  // Java reads texts as numbers here, which is how a schema can say NaN.
  const isFloating = field.schema.type === 'float' || field.schema.type === 'double';
  const json = isFloating && typeof field.default === 'string' ? Number(field.default) : field.default;
  assign(field.schema, json, node, assignments);
  return assignments;
}

function assign(schema: AvroSchema, json: unknown, node: BindingNode, into: Assignment[]): void {
  // Any branch may give the default (Avro 1.12), and it is the first one that the value is valid for. Java takes the first
  // of the same JSON type, which turns 1.5 for [int, double] into 1: a slip that is not copied.
  const type = schema.type === 'union' ? schema.branches.find((b) => isValid(b, json, 0)) : schema;
  if (!type || !isValid(type, json, 0)) throw new InvalidDefault(`The default of ${pathText(node.path)} is not a value of its type.`);
  if (type.type === 'null') return;
  if (type.type === 'record') {
    for (const [name, child] of node.children) {
      const field = type.fields.find((f) => f.name === name);
      if (!field) continue;
      const given = json as Record<string, unknown>;
      if (Object.hasOwn(given, name)) assign(field.schema, given[name], child, into);
      else into.push(...defaultAssignments(field, child));
    }
    return;
  }
  for (const target of node.targets) {
    if (!isAccepted(type, target)) throw new InvalidDefault(`The default cannot be used: ${refusal(node.path, type, target)}`);
    const value = convert(type, json, target);
    if (value !== undefined) into.push({ target, value });
  }
}

function isValid(schema: AvroSchema, json: unknown, depth: number): boolean {
  if (depth > MAX_SCHEMA_DEPTH) return false;
  switch (schema.type) {
    case 'null':
      return json === null;
    case 'boolean':
      return typeof json === 'boolean';
    case 'int':
      return typeof json === 'number' && json === (json | 0);
    case 'long':
      return typeof json === 'number' && Number.isInteger(json) && Math.abs(json) <= 2 ** 63;
    case 'float':
    case 'double':
      return typeof json === 'number';
    case 'string':
    case 'bytes':
    case 'fixed':
      return typeof json === 'string';
    case 'enum':
      return typeof json === 'string' && schema.symbols.includes(json);
    case 'array':
      return Array.isArray(json) && json.every((item) => isValid(schema.items, item, depth + 1));
    case 'map':
      return isObject(json) && Object.values(json).every((value) => isValid(schema.values, value, depth + 1));
    case 'record':
      return isObject(json) && isValidRecord(schema, json, depth);
    case 'union':
      return schema.branches.some((branch) => isValid(branch, json, depth + 1));
  }
}

function isValidRecord(schema: RecordSchema, json: Readonly<Record<string, unknown>>, depth: number): boolean {
  return schema.fields.every((field) => {
    if (Object.hasOwn(json, field.name)) return isValid(field.schema, json[field.name], depth + 1);
    return field.hasDefault && isValid(field.schema, field.default, depth + 1);
  });
}

function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return json !== null && typeof json === 'object' && !Array.isArray(json);
}

function convert(schema: AvroSchema, json: unknown, target: Target): number | string | undefined {
  if (typeof json === 'string') {
    // Defaults of bytes and fixed are texts whose code points 0–255 are the bytes.
    const bytes = Buffer.from(json, 'latin1');
    if (isDecimal(schema)) return bytes.length === 0 ? undefined : decimalFrom(bytes, 0, bytes.length, schema.scale ?? 0);
    if (isBinaryUuid(schema)) return bytes.length === 16 ? uuidText(bytes, 0) : undefined;
    return json;
  }
  const number = Number(json);
  switch (target.kind) {
    case 'float':
      return number;
    case 'time':
      return millisFrom(schema, number);
    default:
      return String(number);
  }
}
