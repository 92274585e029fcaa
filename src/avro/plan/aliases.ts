import { WeirError } from '../../core/errors.ts';
import { canonicalForm } from './canonical.ts';
import { type AvroField, type AvroSchema, type RecordSchema, isNamed } from './schema.ts';

interface AliasTables {
  /** Name a writer's type may have → name of the reader's type. */
  readonly types: Map<string, string>;
  /** Name of a record → name a writer's field may have → name of the reader's field. */
  readonly fields: Map<string, Map<string, string>>;
}

/**
 * The writer schema in the names of the reader: types and fields are renamed as the reader's aliases say. As in Java
 * (`Schema.applyAliases`), aliases of fields count only in a record whose name, after renaming, is that of the reader's record.
 * @throws WeirError `schema_incompatible` when two fields of a record get the same name
 */
export function applyAliases(writer: AvroSchema, reader: AvroSchema): AvroSchema {
  const tables: AliasTables = { types: new Map(), fields: new Map() };
  collect(reader, tables, new Set());
  if (tables.types.size === 0 && tables.fields.size === 0) return writer;
  // Java leaves a schema alone that is read with itself; a field whose alias is another field's name would clash otherwise.
  if (canonicalForm(writer) === canonicalForm(reader)) return writer;
  return rename(writer, tables, new Map());
}

function collect(schema: AvroSchema, tables: AliasTables, seen: Set<RecordSchema>): void {
  if (isNamed(schema)) for (const alias of schema.aliases) tables.types.set(alias, schema.name);
  switch (schema.type) {
    case 'record': {
      if (seen.has(schema)) return;
      seen.add(schema);
      for (const field of schema.fields) {
        for (const alias of field.aliases) {
          let names = tables.fields.get(schema.name);
          if (!names) tables.fields.set(schema.name, (names = new Map()));
          names.set(alias, field.name);
        }
        collect(field.schema, tables, seen);
      }
      return;
    }
    case 'array':
      return collect(schema.items, tables, seen);
    case 'map':
      return collect(schema.values, tables, seen);
    case 'union':
      for (const branch of schema.branches) collect(branch, tables, seen);
      return;
    default:
      return;
  }
}

function rename(schema: AvroSchema, tables: AliasTables, seen: Map<RecordSchema, RecordSchema>): AvroSchema {
  switch (schema.type) {
    case 'record': {
      const done = seen.get(schema);
      if (done) return done;
      const name = tables.types.get(schema.name) ?? schema.name;
      const renamed: RecordSchema = { ...schema, name, fields: [] };
      seen.set(schema, renamed);
      const names = tables.fields.get(name);
      const taken = new Set<string>();
      renamed.fields = schema.fields.map((field): AvroField => {
        const to = names?.get(field.name) ?? field.name;
        if (taken.has(to)) {
          throw new WeirError(
            'schema_incompatible',
            `The reader's aliases give two fields of the writer's record ${schema.name} the name ${to}; drop the alias.`,
          );
        }
        taken.add(to);
        return { ...field, name: to, schema: rename(field.schema, tables, seen) };
      });
      return renamed;
    }
    case 'enum':
    case 'fixed':
      return { ...schema, name: tables.types.get(schema.name) ?? schema.name };
    case 'array':
      return { ...schema, items: rename(schema.items, tables, seen) };
    case 'map':
      return { ...schema, values: rename(schema.values, tables, seen) };
    case 'union':
      return { ...schema, branches: schema.branches.map((branch) => rename(branch, tables, seen)) };
    default:
      return schema;
  }
}
