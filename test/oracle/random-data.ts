import type { Random } from './random.ts';
import { type Field, type Json, type Named, isNamed, typeOf } from './schema-pairs.ts';

/** Makes random data of a schema, straight as bytes: all ways in which a writer may lay out blocks occur. */
export class Data {
  private readonly random: Random;
  private readonly definitions = new Map<string, Named>();
  private bytes: number[] = [];

  constructor(random: Random) {
    this.random = random;
  }

  encode(schema: Json): Buffer {
    this.bytes = [];
    this.write(schema, 0);
    return Buffer.from(this.bytes);
  }

  private write(schema: Json, depth: number): void {
    if (Array.isArray(schema)) return this.union(schema as readonly Json[], depth);
    if (isNamed(schema)) this.definitions.set(schema.name, schema);
    const definition = typeof schema === 'string' ? this.definitions.get(schema) : undefined;
    if (definition) return this.write(definition, depth);
    const object = schema as Named;
    switch (typeOf(schema)) {
      case 'boolean':
        this.bytes.push(this.random.below(2));
        return;
      case 'int':
        return this.varint(
          BigInt(this.random.pick([0, 1, -1, 63, -64, 64, 8191, -8192, 8192, 2147483647, -2147483648, this.random.below(1e9)])),
        );
      case 'long':
        return this.varint(this.long());
      case 'float':
      case 'double':
        return this.floating(typeOf(schema));
      case 'bytes':
      case 'string':
        return this.text();
      case 'enum':
        return this.varint(BigInt(this.random.below((object['symbols'] as string[]).length)));
      case 'fixed':
        for (let i = 0; i < (object['size'] as number); i++) this.bytes.push(this.random.below(256));
        return;
      case 'record':
        for (const field of object['fields'] as Field[]) this.write(field.type, depth + 1);
        return;
      case 'array':
        return this.blocks(() => this.write(object['items'] as Json, depth + 1), depth);
      case 'map':
        return this.blocks(() => {
          this.text();
          this.write(object['values'] as Json, depth + 1);
        }, depth);
    }
  }

  private union(branches: readonly Json[], depth: number): void {
    const end = branches.indexOf('null');
    const index = depth > 8 && end >= 0 ? end : this.random.below(branches.length);
    // Types are defined by earlier branches even when those are not taken.
    for (const branch of branches) this.learn(branch);
    this.varint(BigInt(index));
    this.write(branches[index]!, depth + 1);
  }

  /** Remembers the named types of a schema that is not written. */
  learn(schema: Json): void {
    if (typeof schema === 'string') return;
    if (Array.isArray(schema)) return schema.forEach((s: Json) => this.learn(s));
    const object = schema as { readonly [key: string]: unknown };
    if (isNamed(schema)) this.definitions.set(schema.name, schema);
    for (const field of (object['fields'] ?? []) as Field[]) this.learn(field.type);
    for (const key of ['items', 'values']) if (object[key] !== undefined) this.learn(object[key] as Json);
  }

  private blocks(item: () => void, depth: number): void {
    while (this.random.chance(depth > 6 ? 0 : 0.55)) {
      const count = 1 + this.random.below(3);
      const outer = this.bytes;
      this.bytes = [];
      for (let i = 0; i < count; i++) item();
      const inner = this.bytes;
      this.bytes = outer;
      if (this.random.chance(0.4)) {
        this.varint(BigInt(-count));
        this.varint(BigInt(inner.length));
      } else this.varint(BigInt(count));
      this.bytes.push(...inner);
    }
    this.bytes.push(0);
  }

  private long(): bigint {
    const bits = this.random.below(65);
    let value = 0n;
    for (let i = 0; i < bits; i++) value = (value << 1n) | BigInt(this.random.below(2));
    const signed = BigInt.asIntN(64, value);
    return this.random.chance(0.1)
      ? this.random.pick([2n ** 63n - 1n, -(2n ** 63n), -(2n ** 52n) - 1n, 2n ** 53n + 1n, 2n ** 60n + 2n ** 36n + 1n])
      : signed;
  }

  private floating(type: string): void {
    const value = this.random.pick([0, -0, 1.1, -1e-20, 3.5e38, 16777217, Number.NaN, Number.POSITIVE_INFINITY, this.random.next() * 1e6]);
    const bytes = Buffer.alloc(type === 'float' ? 4 : 8);
    if (type === 'float') bytes.writeFloatLE(value);
    else bytes.writeDoubleLE(value);
    this.bytes.push(...bytes);
  }

  private text(): void {
    const text = this.random.pick(['', 'x', 'größe', '日本語 🚀', 'tail N123', 'a'.repeat(this.random.below(200))]);
    const bytes = Buffer.from(text);
    this.varint(BigInt(bytes.length));
    this.bytes.push(...bytes);
  }

  private varint(value: bigint): void {
    let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    while (rest > 127n) {
      this.bytes.push(Number(rest & 127n) | 128);
      rest >>= 7n;
    }
    this.bytes.push(Number(rest));
  }
}
