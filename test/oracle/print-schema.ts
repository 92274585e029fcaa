import type { AvroSchema, RecordSchema } from '../../src/avro/plan/schema.ts';

/** Cuts fields without a scalar that can be bound (bytes, fixed, arrays, maps) out of a schema, since no column reads them. */
export function withoutUnbindable(schema: AvroSchema, seen = new Map<RecordSchema, RecordSchema>()): AvroSchema {
  if (schema.type === 'union') return { ...schema, branches: schema.branches.map((b) => withoutUnbindable(b, seen)) };
  if (schema.type !== 'record') return schema;
  const done = seen.get(schema);
  if (done) return done;
  const cut: RecordSchema = { ...schema, fields: [] };
  seen.set(schema, cut);
  cut.fields = schema.fields
    .filter((f) => isBindable(f.schema, new Set()))
    .map((f) => ({ ...f, schema: withoutUnbindable(f.schema, seen) }));
  return cut;
}

function isBindable(schema: AvroSchema, seen: Set<AvroSchema>): boolean {
  switch (schema.type) {
    case 'union':
      return schema.branches.some((b) => isBindable(b, seen));
    case 'record':
      if (seen.has(schema)) return false;
      seen.add(schema);
      return schema.fields.some((f) => isBindable(f.schema, seen));
    case 'bytes':
    case 'fixed':
    case 'array':
    case 'map':
    case 'null':
      return false;
    default:
      return true;
  }
}

/** Writes a schema as JSON, each named type where it is first used. */
export function printSchema(schema: AvroSchema, seen = new Set<string>()): unknown {
  switch (schema.type) {
    case 'union':
      return schema.branches.map((b) => printSchema(b, seen));
    case 'array':
      return { type: 'array', items: printSchema(schema.items, seen) };
    case 'map':
      return { type: 'map', values: printSchema(schema.values, seen) };
    case 'record':
    case 'enum':
    case 'fixed': {
      if (seen.has(schema.name)) return schema.name;
      seen.add(schema.name);
      if (schema.type !== 'record') return { ...schema };
      const fields = schema.fields.map((f) => ({
        name: f.name,
        type: printSchema(f.schema, seen),
        ...(f.aliases.length > 0 ? { aliases: f.aliases } : {}),
        ...(f.hasDefault ? { default: f.default } : {}),
      }));
      return { type: 'record', name: schema.name, aliases: schema.aliases, fields };
    }
    default:
      return schema.type;
  }
}
