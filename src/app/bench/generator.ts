/** Random events of any Avro schema, drawn so that the pipeline they are meant for can score them. */
import { isBinaryUuid, isDecimal } from '../../avro/plan/bindings.ts';
import type { AvroSchema, FixedSchema, PrimitiveSchema, UnionSchema } from '../../avro/plan/schema.ts';
import { WeirError } from '../../core/errors.ts';
import type { AvroWriter } from './avro-writer.ts';
import { type FieldHint, type HintNode, isNeeded } from './hints.ts';
import type { Random } from '../../core/random.ts';

/** Of unions with null, where a value may be missing. */
const NULL_SHARE = 0.1;
/** Items of arrays and maps at most. */
const MAX_ITEMS = 4;
/** Deeper than this, lists are empty and unions take their simplest branch, so that recursive types end. */
const SHALLOW_DEPTH = 6;
const MAX_DEPTH = 200;
/** Whole numbers without bounds, and random ids, are below these. */
const SMALL = 100;
const IDS = 100_000;
const DAY_MS = 86_400_000;
const UNITS_PER_MS: Readonly<Record<string, number>> = { micros: 1e3, nanos: 1e6 };

/** What events are drawn with. */
export interface GeneratorOptions {
  /** Writer schema of the events. */
  readonly schema: AvroSchema;
  readonly hints: HintNode;
  readonly random: Random;
  /** What event times and timestamps are: milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Draws events; see `createHints` for what of the pipeline they heed. */
export class EventGenerator {
  private readonly options: GeneratorOptions;
  private readonly random: Random;
  private out!: AvroWriter;

  constructor(options: GeneratorOptions) {
    this.options = options;
    this.random = options.random;
  }

  /**
   * Appends one event in Avro's binary encoding.
   * @throws WeirError `schema_invalid` for a type that contains itself without end
   */
  write(out: AvroWriter): void {
    this.out = out;
    this.value(this.options.schema, this.options.hints, 0);
  }

  private value(schema: AvroSchema, node: HintNode | undefined, depth: number): void {
    const { out, random } = this;
    if (depth > MAX_DEPTH) throw new WeirError('schema_invalid', 'The schema contains itself without end: no event of it can be made.');
    switch (schema.type) {
      case 'null':
        return;
      case 'boolean':
        return out.boolean(random.next() < 0.5);
      case 'int':
      case 'long':
        return this.integer(schema, node?.hint);
      case 'float':
        return out.float(this.number(node?.hint));
      case 'double':
        return out.double(this.number(node?.hint));
      case 'string':
        return out.string(this.text(schema, node?.hint));
      case 'bytes':
        return isDecimal(schema) ? this.decimalBytes(schema, node?.hint) : this.bytes(random.below(16));
      case 'fixed':
        return this.fixed(schema, node?.hint);
      case 'enum':
        return this.enumeration(schema.symbols, node?.hint);
      case 'record':
        for (const field of schema.fields) this.value(field.schema, node?.children.get(field.name), depth + 1);
        return;
      case 'array':
        return this.blocks(depth, () => this.value(schema.items, undefined, depth + 1));
      case 'map':
        return this.blocks(depth, () => {
          out.string(`k${random.below(IDS)}`);
          this.value(schema.values, undefined, depth + 1);
        });
      case 'union': {
        const branch = this.branchOf(schema, node, depth);
        out.long(branch);
        return this.value(schema.branches[branch]!, node, depth + 1);
      }
    }
  }

  /** One block of items and the end mark. */
  private blocks(depth: number, item: () => void): void {
    const count = depth > SHALLOW_DEPTH ? 0 : this.random.below(MAX_ITEMS + 1);
    if (count > 0) {
      this.out.long(count);
      for (let i = 0; i < count; i++) item();
    }
    this.out.long(0);
  }

  private branchOf({ branches }: UnionSchema, node: HintNode | undefined, depth: number): number {
    const nullBranch = branches.findIndex(({ type }) => type === 'null');
    const others = branches.map((_, i) => i).filter((i) => i !== nullBranch);
    if (others.length === 0) return nullBranch;
    if (nullBranch >= 0 && !isNeeded(node) && this.random.next() < (depth > SHALLOW_DEPTH ? 1 : NULL_SHARE)) return nullBranch;
    const fitting = others.filter((i) => fits(branches[i]!, node));
    if (fitting.length > 0) return fitting[this.random.below(fitting.length)]!;
    const simple = depth > SHALLOW_DEPTH ? others.filter((i) => branches[i]!.type !== 'record') : [];
    const open = simple.length > 0 ? simple : others;
    return open[this.random.below(open.length)]!;
  }

  /** A value in the bounds of the columns; without any, in [0, 1). */
  private number(hint: FieldHint | undefined): number {
    const { min, max } = rangeOf(hint, 1);
    return min + this.random.next() * (max - min);
  }

  private integer(schema: PrimitiveSchema, hint: FieldHint | undefined): void {
    const { random, out } = this;
    const hasRange = hint?.min !== undefined || hint?.max !== undefined;
    if (hint?.drawText) {
      const entity = Number(hint.drawText());
      const most = schema.type === 'int' ? 0x7fff_ffff : Number.MAX_SAFE_INTEGER;
      return out.long(Number.isInteger(entity) && Math.abs(entity) <= most ? entity : random.below(IDS));
    }
    if (!hasRange && (schema.logicalType !== undefined || hint?.isTime)) return this.moment(schema);
    const { min, max } = rangeOf(hint, hint?.isNumber === false ? IDS : SMALL);
    const low = Math.ceil(min);
    const most = schema.type === 'int' ? Math.min(Math.floor(max), 0x7fff_ffff) : Math.floor(max);
    out.long(low + random.below(Math.max(1, most - low + 1)));
  }

  /** Times of whatever unit: now. An integer of another logical type is a small number. */
  private moment({ type, logicalType }: PrimitiveSchema): void {
    const { out, random } = this;
    const { nowMs } = this.options;
    const [, kind, unit = ''] = /^(?:local-)?(timestamp|time|date)(?:-(\w+))?$/.exec(logicalType ?? 'timestamp') ?? [];
    if (kind === 'date') return out.long(Math.floor(nowMs / DAY_MS));
    if (kind === 'time') return out.long(random.below(DAY_MS) * (UNITS_PER_MS[unit] ?? 1));
    if (kind !== 'timestamp') return out.long(random.below(SMALL));
    if (type === 'int') return out.long(Math.floor(nowMs / 1_000));
    out.bigLong(BigInt(Math.floor(nowMs)) * BigInt(UNITS_PER_MS[unit] ?? 1));
  }

  private text({ logicalType }: PrimitiveSchema, hint: FieldHint | undefined): string {
    if (hint?.drawText) return hint.drawText();
    if (logicalType === 'uuid') return this.uuid();
    return `${hint ? 'v' : 'text-'}${this.random.below(hint?.isNeeded ? IDS : SMALL)}`;
  }

  private uuid(): string {
    const digits = (count: number): string => Array.from({ length: count }, () => this.random.below(16).toString(16)).join('');
    return `${digits(8)}-${digits(4)}-4${digits(3)}-8${digits(3)}-${digits(12)}`;
  }

  private enumeration(symbols: readonly string[], hint: FieldHint | undefined): void {
    const wanted = hint?.drawText ? symbols.indexOf(hint.drawText()) : -1;
    this.out.long(wanted >= 0 ? wanted : this.random.below(symbols.length));
  }

  private bytes(size: number): void {
    this.out.long(size);
    this.noise(size);
  }

  private noise(size: number): void {
    this.out.raw(Uint8Array.from({ length: size }, () => this.random.below(256)));
  }

  private fixed(schema: FixedSchema, hint: FieldHint | undefined): void {
    if (isDecimal(schema)) return this.out.raw(twosComplement(this.unscaled(schema, hint), schema.size));
    const entity = isBinaryUuid(schema) ? hint?.drawText?.().replaceAll('-', '') : undefined;
    if (entity !== undefined && /^[0-9a-fA-F]{32}$/.test(entity)) return this.out.raw(Buffer.from(entity, 'hex'));
    this.noise(schema.size);
  }

  private decimalBytes(schema: PrimitiveSchema, hint: FieldHint | undefined): void {
    const bytes = twosComplement(this.unscaled(schema, hint));
    this.out.long(bytes.length);
    this.out.raw(bytes);
  }

  private unscaled({ scale = 0 }: { readonly scale?: number }, hint: FieldHint | undefined): bigint {
    return BigInt(Math.trunc(this.number(hint) * 10 ** Math.min(scale, 15))) * 10n ** BigInt(Math.max(0, scale - 15));
  }
}

/** Bounds to draw between. @param width of the range where one bound, or both, is absent */
function rangeOf(hint: FieldHint | undefined, width: number): { min: number; max: number } {
  const min = hint?.min ?? Math.min(0, (hint?.max ?? width) - width);
  return { min, max: Math.max(min, hint?.max ?? min + width) };
}

/** True when the pipeline reads this place and a branch of a union can hold what it reads. */
function fits(schema: AvroSchema, node: HintNode | undefined): boolean {
  if (!node) return false;
  if (node.children.size > 0) {
    const names = schema.type === 'record' ? new Set(schema.fields.map(({ name }) => name)) : new Set<string>();
    if (![...node.children.keys()].every((name) => names.has(name))) return false;
  }
  const { hint } = node;
  if (!hint) return true;
  if (hint.isTime) return schema.type === 'long' || schema.type === 'int';
  if (hint.isNumber) return ['int', 'long', 'float', 'double'].includes(schema.type) || isDecimal(schema);
  return ['string', 'enum', 'int', 'long'].includes(schema.type) || isBinaryUuid(schema);
}

/** Big-endian two's complement, as Avro writes decimals. @param size bytes; default: as few as it takes */
function twosComplement(value: bigint, size = 0): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.unshift(Number(BigInt.asUintN(8, rest)));
    rest >>= 8n;
    // Until only the sign is left, and the first byte shows it.
  } while (bytes.length < size || (size === 0 && !(rest === (bytes[0]! >= 0x80 ? -1n : 0n))));
  return Buffer.from(bytes);
}
