import { createHash } from 'node:crypto';
import { WeirError } from '../../core/errors.ts';
import type { FeatureGroup } from '../../core/ports.ts';
import type { FeatureRow } from '../feature-row.ts';

/*
 * A packed row, version 1. All numbers are little-endian; F and S count the float and string features of its schema.
 *
 *   0        2  magic 57 46 ("WF")
 *   2        1  version, 1
 *   3        1  flags, 0
 *   4        8  schema hash: first 8 bytes of the SHA-256 of the schema text
 *   12       8  float64: when the row was written, milliseconds since the epoch; NaN: unknown
 *   20     4·F  float32 each float feature; NaN: no value
 *   then each string feature: int32 number of bytes (−1: no value), then that many bytes of UTF-8
 *
 * The value ends there: one byte more or less and it is not a packed row.
 */
/** Position of the schema hash. */
export const HASH_AT = 4;
/** Position of the time when the row was written, float64 milliseconds since the epoch; NaN: unknown. */
export const WRITTEN_AT = 12;
/** Position of the first float. */
export const FLOATS_AT = 20;
const VERSION = 1;
const MAGIC_FIRST = 0x57;
const MAGIC_SECOND = 0x46;

/** Which features a packed row holds, in which order. */
export interface PackedSchema {
  readonly floatFeatures: readonly string[];
  readonly stringFeatures: readonly string[];
  /** What the hash is taken of, and what is kept under the schema key: `{"floats":[…],"strings":[…]}`. */
  readonly text: string;
  /** The 8 bytes of the schema hash. */
  readonly hash: Buffer;
}

/** The schema of rows that hold these features. */
export function packedSchema({ floatFeatures, stringFeatures }: Omit<FeatureGroup, 'name'>): PackedSchema {
  const text = JSON.stringify({ floats: floatFeatures, strings: stringFeatures });
  return { floatFeatures, stringFeatures, text, hash: createHash('sha256').update(text).digest().subarray(0, 8) };
}

/** Reads a schema back from its text; undefined when it is not one, or not the one of this hash. */
export function packedSchemaFromText(text: string, hash: Buffer): PackedSchema | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
  const { floats, strings } = (parsed ?? {}) as { floats?: unknown; strings?: unknown };
  if (!isNames(floats) || !isNames(strings)) return undefined;
  const schema = packedSchema({ floatFeatures: floats, stringFeatures: strings });
  return schema.hash.equals(hash) ? schema : undefined;
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}

/** Key under which the text of a schema is kept, beside the rows. */
export function schemaKey(keyPrefix: string, hash: Buffer): string {
  return `${keyPrefix}#schema:${hash.toString('hex')}`;
}

/** Undefined when the bytes begin like a packed row, else what is wrong. */
export function findPackedFault(value: Buffer): string | undefined {
  return packedFault(value, 0, value.length);
}

/** As `findPackedFault`, of the `size` bytes from `start` on. */
export function packedFault(bytes: Buffer, start: number, size: number): string | undefined {
  if (size < FLOATS_AT || bytes[start] !== MAGIC_FIRST || bytes[start + 1] !== MAGIC_SECOND) return 'a value that is not a packed row';
  if (bytes[start + 2] !== VERSION || bytes[start + 3] !== 0)
    return `a packed row of version ${bytes[start + 2]} (this weir reads version ${VERSION})`;
  return undefined;
}

/** @throws WeirError `input_file_invalid` for a feature that the schema lacks, or a value of the other kind */
export function packRow(row: FeatureRow, schema: PackedSchema): Buffer {
  const { floatFeatures, stringFeatures } = schema;
  for (const feature of Object.keys(row.values)) {
    if (!floatFeatures.includes(feature) && !stringFeatures.includes(feature)) {
      throw new WeirError('input_file_invalid', `Feature ${feature} is not among those of the packed group.`);
    }
  }
  const texts = stringFeatures.map((feature) => {
    const value = row.values[feature] ?? null;
    if (value !== null && typeof value !== 'string') throw wrongKind(feature, 'a text');
    return value === null ? undefined : Buffer.from(value);
  });
  const size = texts.reduce((sum, text) => sum + 4 + (text?.length ?? 0), FLOATS_AT + 4 * floatFeatures.length);
  const packed = Buffer.alloc(size);
  packed[0] = MAGIC_FIRST;
  packed[1] = MAGIC_SECOND;
  packed[2] = VERSION;
  packed.set(schema.hash, HASH_AT);
  packed.writeDoubleLE(row.writtenAtMs, WRITTEN_AT);
  let at = FLOATS_AT;
  for (const feature of floatFeatures) {
    const value = row.values[feature] ?? Number.NaN;
    if (typeof value !== 'number') throw wrongKind(feature, 'a number');
    at = packed.writeFloatLE(value, at);
  }
  for (const text of texts) {
    at = packed.writeInt32LE(text?.length ?? -1, at);
    if (text) at += text.copy(packed, at);
  }
  return packed;
}

function wrongKind(feature: string, kind: string): WeirError {
  return new WeirError('input_file_invalid', `Feature ${feature} of a packed group must be ${kind} or null.`);
}
