import { type BindingNode, columnsBelow, isOnlyCompared, pathText } from '../../core/bindings.ts';
import { isAccepted, refusal } from './bindings.ts';
import { InvalidDefault, defaultAssignments } from './defaults.ts';
import { isPromotable, isSameUnion, matchingBranch } from './matching.ts';
import { type AvroSchema, type EnumSchema, type RecordSchema, describe, isNamed, unqualifiedName } from './schema.ts';
import type { Assignment, FieldStep, Step } from './steps.ts';
import { logicalTypeWarnings } from './units.ts';

/** What resolution finds on its way. */
export interface ResolveNotes {
  readonly warnings: Set<string>;
  /** Bound fields that the writer has. */
  found: number;
}

/**
 * Resolves a writer schema (aliases applied) to the bound part of a reader schema, by the rules of Java Avro 1.12's
 * `Resolver`. What cannot be resolved becomes an `error` step at its place, so that only data which reaches it fails.
 */
export function resolve(writer: AvroSchema, reader: AvroSchema, node: BindingNode, notes: ResolveNotes): Step {
  if (writer.type === 'union') {
    const same = reader.type === 'union' && isSameUnion(writer, reader) ? reader.branches : undefined;
    const branches = writer.branches.map((branch, i) => resolve(branch, same?.[i] ?? reader, node, notes));
    return branches.length > 0 && branches.every((b) => b.kind === 'skip')
      ? { kind: 'skip', schema: writer }
      : { kind: 'union', branches, path: pathText(node.path) };
  }
  if (reader.type === 'union') {
    const index = matchingBranch(writer, reader);
    return index < 0 ? mismatch(writer, reader, node) : resolve(writer, reader.branches[index]!, node, notes);
  }
  if (writer.type !== reader.type && !isPromotable(writer, reader)) return mismatch(writer, reader, node);
  if (writer.type === 'record') return resolveRecord(writer, reader as RecordSchema, node, notes);
  if (isNamed(writer) && isNamed(reader) && unqualifiedName(writer.name) !== unqualifiedName(reader.name))
    return mismatch(writer, reader, node);
  if (writer.type === 'fixed' && writer.size !== (reader as typeof writer).size) return mismatch(writer, reader, node);
  notes.found += node.targets.length;
  if (writer.type === 'null') return { kind: 'skip', schema: writer };
  for (const child of node.children.values())
    return wrongType(`${pathText(child.path)} has no place here: ${pathText(node.path)} is ${describe(reader)}.`, writer, node);
  for (const target of node.targets) if (!isAccepted(reader, target)) return wrongType(refusal(node.path, reader, target), writer, node);
  if (node.targets.length === 0) return { kind: 'skip', schema: writer };
  const use = { float: node.targets.some((t) => t.kind === 'float'), time: node.targets.some((t) => t.kind === 'time') };
  for (const warning of logicalTypeWarnings(pathText(node.path), writer, reader, use)) notes.warnings.add(warning);
  if (writer.type === 'enum') return { kind: 'enum', writer, symbols: readerSymbols(writer, reader as EnumSchema), node };
  return { kind: 'leaf', writer, reader, node };
}

function mismatch(writer: AvroSchema, reader: AvroSchema, node: BindingNode): Step {
  return wrongType(`${pathText(node.path)} is written as ${describe(writer)}, which ${describe(reader)} cannot take.`, writer, node);
}

/** A value of a type that its columns do not take. Where it is only compared with one, it is passed over. */
function wrongType(message: string, writer: AvroSchema, node: BindingNode): Step {
  return isOnlyCompared(node) ? { kind: 'skip', schema: writer } : { kind: 'error', message, schema: writer, columns: columnsBelow(node) };
}

function readerSymbols(writer: EnumSchema, reader: EnumSchema): (string | undefined)[] {
  const known = new Set(reader.symbols);
  return writer.symbols.map((symbol) => (known.has(symbol) ? symbol : reader.default));
}

function resolveRecord(writer: RecordSchema, reader: RecordSchema, node: BindingNode, notes: ResolveNotes): Step {
  for (const target of node.targets) return wrongType(refusal(node.path, reader, target), writer, node);
  const wanted = new Map(reader.fields.filter((f) => node.children.has(f.name)).map((f) => [f.name, f]));
  const written = new Set(writer.fields.map((f) => f.name));
  const fields = writer.fields.map((field): FieldStep => {
    const target = wanted.get(field.name);
    const child = node.children.get(field.name);
    const path = pathText([...node.path, field.name]);
    if (!target || !child) return { path, step: { kind: 'skip', schema: field.schema } };
    return { path, step: resolve(field.schema, target.schema, child, notes) };
  });
  const defaults: Assignment[] = [];
  for (const [name, field] of wanted) {
    if (written.has(name)) continue;
    const child = node.children.get(name)!;
    const failed = (message: string): Step => ({ kind: 'error', message, schema: writer, columns: [] });
    if (!field.hasDefault) {
      if (isOnlyCompared(child)) continue;
      return failed(`${pathText(child.path)} is not in the writer's ${describe(writer)}, and the reader gives it no default.`);
    }
    try {
      defaults.push(...defaultAssignments(field, child));
    } catch (thrown) {
      if (thrown instanceof InvalidDefault) return failed(thrown.message);
      throw thrown;
    }
  }
  if (defaults.length === 0 && fields.every((f) => f.step.kind === 'skip')) return { kind: 'skip', schema: writer };
  return { kind: 'record', fields, defaults };
}
