import { MAX_BLOCK_ITEMS, MAX_DATA_DEPTH } from './limits.ts';
import type { AvroSchema } from './schema.ts';

/** Bytes of a value whose size never varies and whose bytes are all legal. */
function plainSize(schema: AvroSchema): number | undefined {
  switch (schema.type) {
    case 'null':
      return 0;
    case 'float':
      return 4;
    case 'double':
      return 8;
    case 'fixed':
      return schema.size;
    default:
      return undefined;
  }
}

/**
 * Writes the code that passes over values. Code works on `b`, `p`, `end` and the scratch variables `v` and `x`; it may use
 * `depth`. Records, arrays and maps become functions, one a schema, so recursive schemas end and code stays small.
 * No text of a schema ever gets into the code.
 */
export class SkipCode {
  private readonly names = new Map<AvroSchema, string>();
  private readonly queue: { readonly name: string; readonly schema: AvroSchema }[] = [];
  private count = 0;

  /**
   * Code that moves `p` over values in turn.
   * @param fail statement that runs when the bytes are not legal
   */
  over(schemas: readonly AvroSchema[], fail: string, depth: string): string {
    let code = '';
    let pending = 0;
    const flush = (): void => {
      if (pending > 0) code += `if ((p += ${pending}) > end) ${fail}\n`;
      pending = 0;
    };
    for (const schema of schemas) {
      const size = plainSize(schema);
      if (size !== undefined) {
        // Sums of large fixed types would leave the exact integers after thousands of them.
        if (pending + size > 0x7fffffff) flush();
        pending += size;
        continue;
      }
      flush();
      code += this.one(schema, fail, depth);
    }
    flush();
    return code;
  }

  /** The functions that the code written so far calls, and those they call. */
  functions(): string {
    let code = '';
    for (let next = this.queue.shift(); next; next = this.queue.shift()) code += this.body(next.name, next.schema);
    return code;
  }

  /** A function of its own for a run of fields, to keep the calling function small enough to be optimised. */
  outlined(schemas: readonly AvroSchema[]): { readonly name: string; readonly code: string } {
    const name = `s${this.count++}`;
    const code = `function ${name}(b, p, end, depth) {\nlet v = 0;\n${this.over(schemas, 'return -1;', 'depth')}return p;\n}\n`;
    return { name, code };
  }

  private one(schema: AvroSchema, fail: string, depth: string): string {
    switch (schema.type) {
      case 'boolean':
        return `if (p >= end || b[p++] > 1) ${fail}\n`;
      case 'int':
        return `if (p < end && b[p] < 128) p++; else if ((p = skipInt(b, p, end)) < 0) ${fail}\n`;
      case 'long':
        return `if (p < end && b[p] < 128) p++; else if ((p = skipLong(b, p, end)) < 0) ${fail}\n`;
      case 'string':
      case 'bytes':
        // One byte of even length below 64 is by far the commonest length.
        return `if (p < end && ((v = b[p]) & 129) === 0) { p += 1 + (v >> 1); if (p > end) ${fail} } else if ((p = skipBytes(b, p, end)) < 0) ${fail}\n`;
      case 'enum':
        return `${readIndex(schema.symbols.length, fail)}`;
      case 'union':
        return this.union(schema.branches, fail, depth);
      default:
        return `if ((p = ${this.functionFor(schema)}(b, p, end, ${depth} + 1)) < 0) ${fail}\n`;
    }
  }

  private union(branches: readonly AvroSchema[], fail: string, depth: string): string {
    const cases = branches.map((branch, i) => `case ${i}: ${this.over([branch], fail, depth)} break;\n`);
    return `${readIndex(branches.length, fail)}switch (v) {\n${cases.join('')}}\n`;
  }

  private functionFor(schema: AvroSchema): string {
    let name = this.names.get(schema);
    if (name === undefined) {
      name = `s${this.count++}`;
      this.names.set(schema, name);
      this.queue.push({ name, schema });
    }
    return name;
  }

  private body(name: string, schema: AvroSchema): string {
    const guard = `function ${name}(b, p, end, depth) {\nif (depth > ${MAX_DATA_DEPTH}) return -1;\nlet v = 0;\n`;
    if (schema.type === 'record') {
      const fields = schema.fields.map((f) => f.schema);
      return `${guard}${this.over(fields, 'return -1;', 'depth')}return p;\n}\n`;
    }
    if (schema.type === 'array') return `${guard}${this.blocks([schema.items])}}\n`;
    if (schema.type === 'map') return `${guard}${this.blocks([{ type: 'string' }, schema.values])}}\n`;
    return `${guard}${this.over([schema], 'return -1;', 'depth')}return p;\n}\n`;
  }

  /**
   * Blocks of an array or map: a count, then that many items; a negative count is followed by the size of the block in bytes,
   * which is taken at its word. Every item takes a byte or more, so that a false count runs into the end soon; items
   * of no bytes (null, empty records, fixed(0)) are passed over at once, since the first of them moves nothing.
   */
  private blocks(item: readonly AvroSchema[]): string {
    const size = item.length === 1 ? plainSize(item[0]!) : undefined;
    const items =
      size === undefined
        ? `for (let i = 0; i < n; i++) {\nconst q = p;\n${this.over(item, 'return -1;', 'depth')}if (p === q) break;\n}\n`
        : `if (n * ${size} > end - p) return -1;\np += n * ${size};\n`;
    return `for (;;) {
if ((p = readLong(b, p, end)) < 0) return -1;
const n = NUMBER[0];
if (n === 0) return p;
if (n > ${MAX_BLOCK_ITEMS} || n < -${MAX_BLOCK_ITEMS}) return -1;
if (n < 0) {
if ((p = readLong(b, p, end)) < 0) return -1;
const size = NUMBER[0];
if (size < 0 || size > end - p) return -1;
p += size;
continue;
}
${items}}
`;
  }
}

/** Code that reads the number of an enum symbol or union branch into `v` and holds it against the number of choices. */
export function readIndex(choices: number, fail: string): string {
  return `if (p < end && (v = b[p]) < 128) p++; else { if ((p = readRawInt(b, p, end)) < 0) ${fail} v = WORD[0]; }
v = (v >>> 1) ^ -(v & 1);
if (v < 0 || v >= ${choices}) ${fail}
`;
}
