import { WeirError } from '../../core/errors.ts';
import { MAX_SCHEMA_DEPTH } from './limits.ts';
import { type AvroField, type AvroJson, type AvroSchema, type NamedSchema, type PrimitiveType, isNamed } from './schema.ts';

const PRIMITIVES: ReadonlySet<string> = new Set<PrimitiveType>(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string']);

// Unicode letters are allowed because Java 1.12 allows them (NameValidator.UTF_VALIDATOR).
const NAME = /^[\p{L}_][\p{L}\p{Nd}_]*$/u;

type JsonObject = Readonly<Record<string, unknown>>;

/** Own properties only, so that a key like `__proto__` or `constructor` is never found by accident. */
function own(json: JsonObject, key: string): unknown {
  return Object.hasOwn(json, key) ? json[key] : undefined;
}

function invalid(message: string): never {
  throw new WeirError('schema_invalid', message);
}

class SchemaParser {
  private readonly names = new Map<string, NamedSchema>();
  private readonly sources = new Map<string, string>();
  private readonly waiting: Map<string, AvroJson>;

  constructor(references: ReadonlyMap<string, AvroJson>) {
    this.waiting = new Map(references);
  }

  parse(json: AvroJson, namespace: string, depth: number): AvroSchema {
    if (depth > MAX_SCHEMA_DEPTH) invalid(`The schema is nested deeper than ${MAX_SCHEMA_DEPTH} levels.`);
    if (typeof json === 'string') return this.named(json, namespace, depth);
    if (Array.isArray(json)) return this.union(json, namespace, depth);
    if (json === null || typeof json !== 'object') return invalid(`${JSON.stringify(json) ?? String(json)} is not an Avro schema.`);
    return this.object(json as JsonObject, namespace, depth);
  }

  private object(json: JsonObject, namespace: string, depth: number): AvroSchema {
    const type = own(json, 'type');
    // Java takes only text here, but other producers nest ({"type": {"type": "int"}}), and the meaning is plain.
    if (type !== null && typeof type === 'object') return this.parse(type, namespace, depth + 1);
    if (typeof type !== 'string') return invalid('A schema object has no "type".');
    const notes = annotations(json);
    if (PRIMITIVES.has(type)) return { type: type as PrimitiveType, ...notes };
    switch (type) {
      case 'record':
      case 'error':
      case 'enum':
      case 'fixed':
        return this.define(json, type === 'error' ? 'record' : type, namespace, depth);
      case 'array':
        return { type: 'array', items: this.parse(this.need(json, 'items', 'array'), namespace, depth + 1), ...notes };
      case 'map':
        return { type: 'map', values: this.parse(this.need(json, 'values', 'map'), namespace, depth + 1), ...notes };
      default:
        return this.named(type, namespace, depth);
    }
  }

  private need(json: JsonObject, key: string, what: string): unknown {
    const value = own(json, key);
    return value === undefined ? invalid(`A schema of type ${what} has no "${key}".`) : value;
  }

  private named(name: string, namespace: string, depth: number): AvroSchema {
    if (PRIMITIVES.has(name)) return { type: name as PrimitiveType };
    const candidates = name.includes('.') || namespace === '' ? [name.replace(/^\./, '')] : [`${namespace}.${name}`, name];
    const known = this.lookUp(candidates);
    if (known) return known;
    for (const candidate of candidates) if (this.load(candidate, depth)) return this.lookUp(candidates) ?? this.unknown(name);
    // A registry may file the type under another reference name than its own: read the others until it turns up.
    for (const reference of [...this.waiting.keys()]) {
      this.load(reference, depth);
      const found = this.lookUp(candidates);
      if (found) return found;
    }
    return this.unknown(name);
  }

  private unknown(name: string): never {
    return invalid(`The schema uses the type ${name}, which neither it nor its references define.`);
  }

  private lookUp(candidates: readonly string[]): NamedSchema | undefined {
    for (const candidate of candidates) {
      const schema = this.names.get(candidate);
      if (schema) return schema;
    }
    return undefined;
  }

  private load(reference: string, depth: number): boolean {
    if (!this.waiting.has(reference)) return false;
    const json = this.waiting.get(reference);
    this.waiting.delete(reference);
    this.parse(json, '', depth + 1);
    return true;
  }

  private define(json: JsonObject, type: NamedSchema['type'], namespace: string, depth: number): AvroSchema {
    const name = fullName(json, namespace, type);
    const source = JSON.stringify(json);
    const before = this.names.get(name);
    if (before) {
      // A type spelt out twice in the same words is no conflict: schemas put together from references have it.
      return this.sources.get(name) === source ? before : invalid(`The schema defines ${name} twice, in different ways.`);
    }
    this.sources.set(name, source);
    const space = name.includes('.') ? name.slice(0, name.lastIndexOf('.')) : '';
    const aliases = texts(own(json, 'aliases'), `aliases of ${name}`).map((a) => (a.includes('.') || space === '' ? a : `${space}.${a}`));
    const notes = annotations(json);
    if (type === 'fixed') {
      const size = own(json, 'size');
      if (typeof size !== 'number' || !Number.isInteger(size) || size < 0 || size > 0x7fffffff)
        return invalid(`The fixed type ${name} has no usable size.`);
      return this.add({ type, name, aliases, size, ...notes });
    }
    if (type === 'enum') return this.add({ type, name, aliases, ...enumParts(json, name), ...notes });
    const record = this.add({ type: 'record', name, aliases, fields: [] as readonly AvroField[], ...notes });
    record.fields = this.fields(json, name, space, depth);
    return record;
  }

  private add<S extends NamedSchema>(schema: S): S {
    this.names.set(schema.name, schema);
    return schema;
  }

  private fields(json: JsonObject, record: string, space: string, depth: number): AvroField[] {
    const list = own(json, 'fields');
    if (!Array.isArray(list)) return invalid(`The record ${record} has no fields.`);
    const seen = new Set<string>();
    return list.map((field: unknown): AvroField => {
      if (field === null || typeof field !== 'object') return invalid(`The record ${record} has a field that is not an object.`);
      const entry = field as JsonObject;
      const name = own(entry, 'name');
      if (typeof name !== 'string' || !NAME.test(name)) return invalid(`The record ${record} has a field without a legal name.`);
      if (seen.has(name)) return invalid(`The record ${record} has two fields called ${name}.`);
      seen.add(name);
      const type = own(entry, 'type');
      if (type === undefined) return invalid(`The field ${record}.${name} has no type.`);
      const schema = this.parse(type, space, depth + 1);
      const aliases = texts(own(entry, 'aliases'), `aliases of ${record}.${name}`);
      const hasDefault = Object.hasOwn(entry, 'default');
      return { name, schema, aliases, hasDefault, default: hasDefault ? entry['default'] : undefined };
    });
  }

  private union(json: readonly unknown[], namespace: string, depth: number): AvroSchema {
    const seen = new Set<string>();
    const branches = json.map((branch) => {
      const schema = this.parse(branch, namespace, depth + 1);
      if (schema.type === 'union') return invalid('A union holds another union directly.');
      const key = isNamed(schema) ? schema.name : schema.type;
      if (seen.has(key)) return invalid(`A union holds ${key} twice.`);
      seen.add(key);
      return schema;
    });
    return { type: 'union', branches };
  }
}

function annotations(json: JsonObject): { logicalType?: string; scale?: number } {
  const logicalType = own(json, 'logicalType');
  if (typeof logicalType !== 'string') return {};
  if (logicalType !== 'decimal') return { logicalType };
  const scale = own(json, 'scale');
  return { logicalType, scale: typeof scale === 'number' && Number.isInteger(scale) && scale >= 0 ? scale : 0 };
}

function fullName(json: JsonObject, namespace: string, type: string): string {
  const name = own(json, 'name');
  if (typeof name !== 'string') return invalid(`A schema of type ${type} has no name.`);
  const given = own(json, 'namespace');
  const space = name.includes('.') ? name.slice(0, name.lastIndexOf('.')) : typeof given === 'string' ? given : namespace;
  const short = name.slice(name.lastIndexOf('.') + 1);
  if (!NAME.test(short)) return invalid(`${JSON.stringify(name)} is not a legal Avro name.`);
  return space === '' ? short : `${space}.${short}`;
}

function texts(value: unknown, what: string): string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.some((v) => typeof v !== 'string')) return invalid(`The ${what} are not a list of texts.`);
  return value as string[];
}

function enumParts(json: JsonObject, name: string): { symbols: string[]; default?: string } {
  const list = own(json, 'symbols');
  if (!Array.isArray(list)) return invalid(`The enum ${name} has no symbols.`);
  const symbols = texts(list, `symbols of ${name}`);
  for (const symbol of symbols)
    if (!NAME.test(symbol)) return invalid(`The enum ${name} has the illegal symbol ${JSON.stringify(symbol)}.`);
  if (new Set(symbols).size !== symbols.length) return invalid(`The enum ${name} has a symbol twice.`);
  const fallback = own(json, 'default');
  if (fallback === undefined || fallback === null) return { symbols };
  if (typeof fallback !== 'string' || !symbols.includes(fallback)) return invalid(`The default of enum ${name} is not one of its symbols.`);
  return { symbols, default: fallback };
}

/**
 * Parses an Avro schema (specification 1.12: named types, namespaces, aliases, enum defaults, logical types).
 * Defaults of fields are not checked here, since those of a writer schema never matter; `compilePlan` checks the ones it needs.
 * @param json the parsed `.avsc`
 * @param references further schemas by full name that `json` may use (schema registry references); they may use each other
 * @throws WeirError `schema_invalid`
 */
export function parseAvroSchema(json: AvroJson, references: ReadonlyMap<string, AvroJson> = new Map()): AvroSchema {
  return new SchemaParser(references).parse(json, '', 0);
}
