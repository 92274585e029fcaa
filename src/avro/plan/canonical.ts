import { type AvroSchema, isNamed } from './schema.ts';

/**
 * Parsing Canonical Form of a schema, letter for letter as Java's `SchemaNormalization.toParsingForm` writes it
 * (Avro specification 1.12, "Transforming into Parsing Canonical Form").
 */
export function canonicalForm(schema: AvroSchema): string {
  return write(schema, new Set());
}

function write(schema: AvroSchema, seen: Set<string>): string {
  if (isNamed(schema)) {
    if (seen.has(schema.name)) return `"${schema.name}"`;
    seen.add(schema.name);
    const head = `{"name":"${schema.name}","type":"${schema.type}"`;
    switch (schema.type) {
      case 'enum':
        return `${head},"symbols":[${schema.symbols.map((s) => `"${s}"`).join(',')}]}`;
      case 'fixed':
        return `${head},"size":${schema.size}}`;
      case 'record':
        return `${head},"fields":[${schema.fields.map((f) => `{"name":"${f.name}","type":${write(f.schema, seen)}}`).join(',')}]}`;
    }
  }
  switch (schema.type) {
    case 'array':
      return `{"type":"array","items":${write(schema.items, seen)}}`;
    case 'map':
      return `{"type":"map","values":${write(schema.values, seen)}}`;
    case 'union':
      return `[${schema.branches.map((b) => write(b, seen)).join(',')}]`;
    default:
      return `"${schema.type}"`;
  }
}

const EMPTY = 0xc15d213aa4d7a795n;

const TABLE = Array.from({ length: 256 }, (_, i) => {
  let crc = BigInt(i);
  for (let bit = 0; bit < 8; bit++) crc = (crc >> 1n) ^ (crc & 1n ? EMPTY : 0n);
  return crc;
});

/**
 * CRC-64-AVRO (Rabin) fingerprint of the Parsing Canonical Form.
 * @returns 8 bytes, little endian, as they stand in a single-object encoding after `C3 01`
 */
export function fingerprint64(schema: AvroSchema): Buffer {
  let crc = EMPTY;
  for (const byte of Buffer.from(canonicalForm(schema))) crc = (crc >> 8n) ^ TABLE[Number((crc ^ BigInt(byte)) & 0xffn)]!;
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(crc);
  return bytes;
}
