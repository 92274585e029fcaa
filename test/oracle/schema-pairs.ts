import type { Random } from './random.ts';

/** A schema as it stands in a file. */
export type Json = string | { readonly [key: string]: unknown } | readonly Json[];
/** A schema with a name. */
export type Named = { readonly type: string; readonly name: string; readonly [key: string]: unknown };
/** A field of a record. */
export type Field = { readonly name: string; readonly type: Json; readonly [key: string]: unknown };

const SCALARS = ['boolean', 'int', 'int', 'long', 'long', 'float', 'double', 'string', 'bytes'] as const;
const PROMOTIONS: Readonly<Record<string, readonly string[]>> = {
  int: ['long', 'float', 'double'],
  long: ['float', 'double'],
  float: ['double'],
  bytes: ['string'],
};
const SYMBOLS = ['A', 'B', 'C', 'D', 'E'];
const MAX_LEVEL = 3;

/** True for a definition of a named type. */
export function isNamed(schema: Json): schema is Named {
  return typeof schema === 'object' && !Array.isArray(schema) && 'name' in schema;
}

/** Name of the type: `union` for lists, a name for references. */
export function typeOf(schema: Json): string {
  if (typeof schema === 'string') return schema;
  return Array.isArray(schema) ? 'union' : String((schema as Named).type);
}

/** Makes writer schemas: records with nested records, enums, fixed, arrays, maps, unions, and types used again by name. */
export class WriterSchemas {
  private readonly random: Random;
  private readonly names: string[] = [];
  private count = 0;

  constructor(random: Random) {
    this.random = random;
  }

  record(level = 0): Named {
    const name = `n.R${this.count++}`;
    const fields = Array.from({ length: 1 + this.random.below(level === 0 ? 7 : 4) }, (_, i): Field => {
      const own = i === 0 && this.random.chance(0.05) ? '__proto__' : `f${i}`;
      const isRecursive = this.random.chance(0.03);
      return { name: own, type: isRecursive ? ['null', name] : this.any(level + 1) };
    });
    this.names.push(name);
    return { type: 'record', name, fields };
  }

  private any(level: number): Json {
    const roll = this.random.next();
    if (roll < 0.45 || level > MAX_LEVEL) return this.random.pick(SCALARS);
    if (roll < 0.55) return this.enumeration();
    if (roll < 0.58) return this.fixed();
    if (roll < 0.63) return { type: 'array', items: this.any(level + 1) };
    if (roll < 0.67) return { type: 'map', values: this.any(level + 1) };
    if (roll < 0.78) return this.record(level);
    if (roll < 0.81 && this.names.length > 0) return this.random.pick(this.names);
    return this.union(level);
  }

  private enumeration(): Named {
    const name = `n.E${this.count++}`;
    this.names.push(name);
    return { type: 'enum', name, symbols: this.random.shuffled(SYMBOLS).slice(0, 1 + this.random.below(5)) };
  }

  private fixed(): Named {
    const name = `n.F${this.count++}`;
    this.names.push(name);
    return { type: 'fixed', name, size: this.random.below(6) };
  }

  private union(level: number): Json {
    const wanted = this.random.chance(0.6) ? 1 : 2 + this.random.below(2);
    const branches: Json[] = this.random.chance(0.8) ? ['null'] : [];
    for (let i = 0; i < wanted; i++) {
      const known = this.names.length;
      const branch = this.any(level + 1);
      const key = (b: Json): string => (isNamed(b) ? b.name : typeOf(b));
      if (!Array.isArray(branch) && branches.every((b) => key(b) !== key(branch))) branches.push(branch);
      // The types that a dropped branch would have defined cannot be used by name.
      else this.names.length = known;
    }
    return branches.length === 0 ? ['null', 'int'] : this.random.chance(0.5) ? branches : this.reordered(branches);
  }

  /** A type must be defined before it is used by name, so only unions without names are reordered. */
  private reordered(branches: readonly Json[]): Json[] {
    return branches.every((b) => typeof b === 'string' && !b.includes('.')) ? this.random.shuffled(branches) : [...branches];
  }
}

/** Makes the reader schema that a writer schema might have become, mostly compatible, sometimes not. */
export class ReaderSchemas {
  private readonly random: Random;
  private readonly definitions = new Map<string, Named>();
  private readonly renamed = new Map<string, string>();
  private added = 0;

  constructor(random: Random, writer: Named) {
    this.random = random;
    this.collect(writer);
  }

  evolve(schema: Json): Json {
    if (typeof schema === 'string') {
      const definition = this.definitions.get(schema);
      return definition ? (this.renamed.get(schema) ?? this.named(definition)) : this.scalar(schema);
    }
    if (Array.isArray(schema)) return this.union(schema as readonly Json[]);
    if (isNamed(schema)) return this.renamed.get(schema.name) ?? this.named(schema);
    return schema;
  }

  private collect(schema: Json): void {
    if (typeof schema === 'string') return;
    if (Array.isArray(schema)) return schema.forEach((s: Json) => this.collect(s));
    const object = schema as { readonly [key: string]: unknown };
    if (isNamed(schema)) this.definitions.set(schema.name, schema);
    for (const field of (object['fields'] ?? []) as Field[]) this.collect(field.type);
    for (const key of ['items', 'values']) if (object[key] !== undefined) this.collect(object[key] as Json);
  }

  private scalar(type: string): Json {
    const roll = this.random.next();
    if (roll < 0.55) return type;
    if (roll < 0.8) return this.random.pick(PROMOTIONS[type] ?? [type]);
    if (roll < 0.95 && type !== 'null') return this.random.shuffled(['null', this.random.pick([type, ...(PROMOTIONS[type] ?? [])])]);
    return this.random.chance(0.5) ? type : this.random.pick(SCALARS);
  }

  private union(branches: readonly Json[]): Json {
    const kept = branches.filter(() => this.random.chance(0.93)).map((b) => this.evolve(b));
    if (kept.length === 1 && this.random.chance(0.4)) return kept[0]!;
    if (this.random.chance(0.2)) kept.push(this.random.pick(SCALARS));
    if (this.random.chance(0.2)) kept.unshift('null');
    const flat = kept.flatMap((b) => (Array.isArray(b) ? (b as readonly Json[]) : [b]));
    const key = (b: Json): string => (isNamed(b) ? b.name : typeOf(b));
    const unique = flat.filter((b, i) => flat.findIndex((c) => key(c) === key(b)) === i);
    return unique.length === 0 ? ['null'] : unique;
  }

  private named(schema: Named): Json {
    const roll = this.random.next();
    const short = schema.name.slice(2);
    const name = roll < 0.7 ? schema.name : roll < 0.8 ? `m.${short}` : `n.X${short}`;
    this.renamed.set(schema.name, name);
    const aliases = name !== schema.name && this.random.chance(0.5) ? { aliases: [schema.name] } : {};
    if (schema.type === 'fixed') return { ...schema, name, ...aliases };
    if (schema.type === 'enum') return { ...schema, name, ...aliases, ...this.symbols(schema['symbols'] as string[]) };
    return { type: 'record', name, ...aliases, fields: this.fields(schema['fields'] as Field[]) };
  }

  private symbols(symbols: readonly string[]): { symbols: string[]; default?: string } {
    const kept = symbols.filter(() => this.random.chance(0.9));
    if (this.random.chance(0.3)) kept.push(...SYMBOLS.filter((s) => !symbols.includes(s)).slice(0, 2));
    const list = kept.length === 0 ? ['Z'] : this.random.chance(0.3) ? this.random.shuffled(kept) : kept;
    return this.random.chance(0.3) ? { symbols: list, default: this.random.pick(list) } : { symbols: list };
  }

  private fields(fields: readonly Field[]): Field[] {
    const evolved: Field[] = [];
    for (const field of fields) {
      if (this.random.chance(0.12)) continue;
      const type = this.evolve(field.type);
      if (this.random.chance(0.12)) evolved.push({ name: `g${field.name}`, aliases: [field.name], type });
      else evolved.push({ ...field, type });
    }
    while (this.random.chance(0.35)) evolved.push(this.addedField());
    return this.reordered(evolved);
  }

  private addedField(): Field {
    const name = `h${this.added++}`;
    const type = this.random.pick<Json>([
      'int',
      'long',
      'float',
      'double',
      'boolean',
      'string',
      ['null', 'double'],
      ['int', 'string'],
      ['string', 'null'],
      ['null', 'boolean', 'string', 'double'],
    ]);
    if (this.random.chance(0.06)) return { name, type };
    return { name, type, default: this.defaultFor(this.random.pick(Array.isArray(type) ? (type as readonly Json[]) : [type])) };
  }

  private defaultFor(type: Json): unknown {
    switch (type) {
      case 'null':
        return null;
      case 'boolean':
        return this.random.chance(0.5);
      case 'string':
        return this.random.pick(['', 'default', 'größe', 'z\u0000']);
      case 'int':
        return this.random.pick([0, -1, 2147483647, 77]);
      case 'long':
        return this.random.pick([0, -1, 2 ** 40, -(2 ** 53)]);
      default:
        return this.random.pick([0, 1.5, -3e-9, 16777217]);
    }
  }

  private reordered(fields: readonly Field[]): Field[] {
    const usesNames = (type: Json): boolean =>
      typeof type === 'string' ? type.includes('.') : Array.isArray(type) ? type.some((t: Json) => usesNames(t)) : true;
    return this.random.chance(0.3) && !fields.some((f) => usesNames(f.type)) ? this.random.shuffled(fields) : [...fields];
  }
}
