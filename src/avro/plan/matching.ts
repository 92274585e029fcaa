import { type AvroSchema, type RecordSchema, type UnionSchema, isNamed, unqualifiedName } from './schema.ts';

/*
 * The rules by which Java Avro 1.12 (`org.apache.avro.Resolver`) decides what a writer's type is read as. Names of
 * records do not matter; enums and fixed must agree in their unqualified name, or in the full name inside a union.
 * Both schemas are whole, not cut down to the bound fields: which branch of a union is meant must not depend on the model.
 */

/** What is known of pairs of records (writer, reader) so far; a pair that is being looked at counts as matching. */
type Pairs = Map<AvroSchema, Map<AvroSchema, boolean>>;

/** True when the reader's union lists the same types in the same order, so that branch numbers can be kept. */
export function isSameUnion(writer: AvroSchema, reader: AvroSchema, seen: Pairs = new Map()): boolean {
  if (writer.type !== reader.type) return false;
  if (isNamed(writer) && isNamed(reader) && unqualifiedName(writer.name) !== unqualifiedName(reader.name)) return false;
  if (writer.type === 'array' && reader.type === 'array') return isSameUnion(writer.items, reader.items, seen);
  if (writer.type === 'map' && reader.type === 'map') return isSameUnion(writer.values, reader.values, seen);
  if (writer.type === 'fixed' && reader.type === 'fixed') return writer.size === reader.size;
  if (writer.type === 'enum' && reader.type === 'enum')
    return writer.symbols.length === reader.symbols.length && writer.symbols.every((s, i) => s === reader.symbols[i]);
  if (writer.type === 'union' && reader.type === 'union')
    return writer.branches.length === reader.branches.length && writer.branches.every((b, i) => isSameUnion(b, reader.branches[i]!, seen));
  if (writer.type === 'record' && reader.type === 'record') {
    const known = seen.get(writer)?.get(reader);
    if (known !== undefined) return known;
    remember(seen, writer, reader, true);
    const same =
      writer.fields.length === reader.fields.length &&
      writer.fields.every((f, i) => f.name === reader.fields[i]!.name && isSameUnion(f.schema, reader.fields[i]!.schema, seen));
    return remember(seen, writer, reader, same);
  }
  return true;
}

function remember(pairs: Pairs, writer: AvroSchema, reader: AvroSchema, matches: boolean): boolean {
  const readers = pairs.get(writer);
  if (readers) readers.set(reader, matches);
  else pairs.set(writer, new Map([[reader, matches]]));
  return matches;
}

/** True when a value of the writer's primitive type may be read as the reader's other primitive type. */
export function isPromotable(writer: AvroSchema, reader: AvroSchema): boolean {
  switch (reader.type) {
    case 'long':
      return writer.type === 'int';
    case 'float':
      return writer.type === 'int' || writer.type === 'long';
    case 'double':
      return writer.type === 'int' || writer.type === 'long' || writer.type === 'float';
    case 'bytes':
      return writer.type === 'string';
    case 'string':
      return writer.type === 'bytes';
    default:
      return false;
  }
}

/**
 * Branch of the reader's union that a writer's type, which is no union, is read as; −1 when there is none. First a
 * branch of the same type (named types by full name; records also by shape, the last one with the same short name
 * before the first of any name), then the first one it can be promoted to.
 */
export function matchingBranch(writer: AvroSchema, reader: UnionSchema, seen: Pairs = new Map()): number {
  let byShape = -1;
  for (const [index, branch] of reader.branches.entries()) {
    if (branch.type !== writer.type) continue;
    if (!isNamed(writer) || !isNamed(branch)) return index;
    if (writer.name === branch.name) return index;
    if (writer.type !== 'record' || branch.type !== 'record' || !isSameShape(writer, branch, seen)) continue;
    if (byShape < 0 || unqualifiedName(writer.name) === unqualifiedName(branch.name)) byShape = index;
  }
  return byShape >= 0 ? byShape : reader.branches.findIndex((branch) => isPromotable(writer, branch));
}

/** True when every field of the reader's record has a value and no field's own type rules it out. Java looks no deeper than that. */
function isSameShape(writer: RecordSchema, reader: RecordSchema, seen: Pairs): boolean {
  const known = seen.get(writer)?.get(reader);
  if (known !== undefined) return known;
  remember(seen, writer, reader, true);
  if (missingField(writer, reader)) return remember(seen, writer, reader, false);
  const fields = new Map(reader.fields.map((f) => [f.name, f.schema]));
  const matches = writer.fields.every((field) => {
    const target = fields.get(field.name);
    return target === undefined || !neverMatches(field.schema, target, seen);
  });
  return remember(seen, writer, reader, matches);
}

/** A field of the reader that the writer lacks and that has no default. */
function missingField(writer: RecordSchema, reader: RecordSchema): boolean {
  const written = new Set(writer.fields.map((f) => f.name));
  return reader.fields.some((f) => !f.hasDefault && !written.has(f.name));
}

function neverMatches(writer: AvroSchema, reader: AvroSchema, seen: Pairs): boolean {
  if (writer.type === 'union') return false;
  if (reader.type === 'union') return matchingBranch(writer, reader, seen) < 0;
  if (writer.type !== reader.type) return !isPromotable(writer, reader);
  if (writer.type === 'fixed' && reader.type === 'fixed')
    return unqualifiedName(writer.name) !== unqualifiedName(reader.name) || writer.size !== reader.size;
  if (writer.type === 'enum') return unqualifiedName(writer.name) !== unqualifiedName((reader as typeof writer).name);
  return writer.type === 'record' && missingField(writer, reader as RecordSchema);
}
