import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { type ColumnSpec, createRowLayout, type RowLayout } from '../../../src/core/layout.ts';
import { type Rows, STATUS_OK } from '../../../src/core/rows.ts';
import { createJsonCodec } from '../../../src/json/codec.ts';
import { recordBatch, type TestRecord } from '../../support/records.ts';
import { rowsOf } from '../avro/rows-fixture.ts';

export function column(name: string, path: string, more: Partial<ColumnSpec> = {}): ColumnSpec {
  return { name, kind: 'float', binding: { from: 'event', path: path.split('.') }, required: false, onInvalid: 'flag', ...more };
}

/** One of each kind of binding. The entity of group `g` is `id`, the event time `at`. */
export const LAYOUT: RowLayout = createRowLayout(
  [
    { name: 'x', kind: 'float', columns: [column('x', 'x'), column('list', 'list', { size: 3 }), column('deep', 'a.b.y')] },
    { name: 's', kind: 'string', columns: [column('s', 's', { kind: 'string' }), column('t', 'a.t', { kind: 'string' })] },
    {
      name: 'g',
      kind: 'float',
      columns: [{ name: 'f', kind: 'float', binding: { from: 'group', group: 'g', feature: 'f' }, required: false, onInvalid: 'flag' }],
    },
  ],
  { entities: new Map([['g', ['id']]]), eventTime: ['at'] },
);

/** Decodes records of `LAYOUT`, or of another layout. */
export function decode(values: readonly TestRecord['value'][], layout = LAYOUT, tombstones: 'skip' | 'dead-letter' = 'skip'): Rows {
  const rows = rowsOf(layout, recordBatch(values.map((value) => ({ value, timestampMs: 7 }))));
  void createJsonCodec({ layout, tombstones }).decode(rows);
  return rows;
}

/** What a row of `LAYOUT` holds, or `code: message`. */
export function seen(rows: Rows, row = 0): object | string {
  if (rows.status[row] !== STATUS_OK) return rows.codeOf(row) ? `${rows.codeOf(row)}: ${rows.messageOf(row)}` : 'skipped';
  const [x, ...rest] = rows.floats[0]!.subarray(row * 5, row * 5 + 5);
  return {
    x,
    list: rest.slice(0, 3),
    y: rest[3],
    s: rows.texts[0]!.text(row),
    t: rows.texts[1]!.text(row),
    id: rows.entities[0]!.text(row),
    at: rows.eventTimeMs[row],
  };
}

/** What JSON.parse makes of a record of `LAYOUT`: its values, or the code of the error (a pattern). */
export function oracle(bytes: Buffer): object | string {
  let event: unknown;
  try {
    event = parsed(bytes.toString('utf8'));
  } catch {
    return 'decode_failed';
  }
  if (typeof event !== 'object' || event === null || Array.isArray(event)) return 'decode_failed';
  // U+FFFD stands for bytes that are no UTF-8 (the generators do not make it); half surrogates have no UTF-8.
  const texts = [at(event, 's'), at(event, 'a', 't'), at(event, 'id'), at(event, 'list')];
  const isBroken = texts.some((text) => typeof text === 'string' && (/\ufffd/.test(text) || !text.isWellFormed()));
  if (isBroken) return '(decode_failed|data_unresolvable)';
  try {
    return {
      x: float(at(event, 'x')),
      list: list(at(event, 'list')),
      y: float(at(at(event, 'a') ?? {}, 'b', 'y')),
      s: text(at(event, 's')),
      t: text(at(event, 'a', 't')),
      id: entity(at(event, 'id')),
      at: time(at(event, 'at')),
    };
  } catch (thrown) {
    if (thrown instanceof Mismatch) return isUtf8(bytes) ? 'data_unresolvable' : '(decode_failed|data_unresolvable)';
    throw thrown;
  }
}

class Mismatch extends Error {}

/** A number with its digits, which say more than a double of it. */
class Digits {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
}

/**
 * JSON.parse, with the digits of `id`. Of objects with escaped keys it loses members now and then (V8 13.6, after many objects of other
 * shapes, more so with a function that is given the digits), so printable characters are spelled out first.
 */
function parsed(json: string): unknown {
  JSON.parse(json); // What is refused is refused as it is written.
  const spelledOut = json.replace(/\\(?:u00(2[013-9a-f]|[346][0-9a-f]|5[0-9abd-f]|7[0-9a-e])|.)/gis, (escape: string, code?: string) =>
    code === undefined ? escape : String.fromCharCode(Number.parseInt(code, 16)),
  );
  return JSON.parse(spelledOut, keepDigits);
}

function keepDigits(name: string, value: unknown, context?: { source?: string }): unknown {
  return name === 'id' && typeof value === 'number' ? new Digits(context!.source!) : value;
}

function at(value: unknown, ...path: string[]): unknown {
  let found = value;
  for (const name of path) {
    if (found === undefined || found === null) return undefined;
    if (typeof found !== 'object' || Array.isArray(found)) return new Mismatch();
    found = Object.hasOwn(found, name) ? (found as Record<string, unknown>)[name] : undefined;
  }
  return found;
}

const isNone = (value: unknown): value is null | undefined => value === null || value === undefined;

function float(value: unknown): number {
  if (isNone(value)) return Number.NaN;
  if (typeof value === 'number' || typeof value === 'boolean') return Math.fround(Number(value));
  throw new Mismatch();
}

function text(value: unknown): string | undefined {
  if (isNone(value)) return undefined;
  if (typeof value === 'string') return value;
  throw new Mismatch();
}

function entity(value: unknown): string | undefined {
  if (!(value instanceof Digits)) return text(value);
  if (/^-?\d+$/.test(value.source)) return value.source === '-0' ? '0' : value.source;
  throw new Mismatch();
}

function time(value: unknown): number {
  if (isNone(value)) return 7;
  if (typeof value !== 'number' || Math.abs(Math.floor(value)) > 8.64e15) throw new Mismatch();
  return Math.floor(value);
}

function list(value: unknown): number[] {
  if (isNone(value)) return [Number.NaN, Number.NaN, Number.NaN];
  const given =
    typeof value === 'string' ? value.split(',').map((part) => (/^ *-?\d+(\.\d+)? *$/.test(part) ? Number(part) : part)) : value;
  if (!Array.isArray(given) || given.length !== 3) throw new Mismatch();
  return given.map((element: unknown) => {
    if (element === null) return Number.NaN;
    if (typeof element === 'number') return Math.fround(element);
    throw new Mismatch();
  });
}

/** Texts of JSON values, mostly of bound members, in every way that the grammar allows. */
const blank = fc.stringMatching(/^[ \n\r\t]{0,2}$/);
const quoted = (content: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(content, fc.boolean()).map(([text, escape]) => {
    const json = JSON.stringify(text);
    if (!escape) return json;
    // Every character as an escape, astral ones as two.
    return `"${Array.from({ length: text.length }, (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`;
  });
/** Any text but U+FFFD, which the oracle takes for bytes that are no UTF-8. */
export const plainText = fc.string({ unit: 'grapheme', maxLength: 6 }).map((text) => text.replaceAll('\ufffd', '?'));
const anyText = fc.oneof(
  plainText,
  fc.constantFrom('', '\ud800', '\udc00x', '1,2,3', '0.25,-1.5, 3', '0.12345678,1.00000001,2.5', '1,2', 'a/b\\c"d\b\f\n\r\t'),
);
const numberText = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => JSON.stringify(x)),
  fc.integer().map(String),
  fc.stringMatching(/^-?(0|[1-9]\d{0,19})(\.\d{1,24})?([eE][+-]?\d{1,3})?$/).filter((text) => Number.isFinite(Number(text))),
);
const key = quoted(fc.oneof(fc.constantFrom('x', 's', 'id', 'at', 'list', 'a', 'b', 'y', 't'), fc.string({ maxLength: 4 })));

export const jsonText = fc.letrec<{ value: string; object: string; array: string; list: string }>((tie) => ({
  object: fc
    .array(fc.tuple(blank, key, blank, blank, tie('value'), blank), { maxLength: 8 })
    .map((members) => `{${members.map(([a, k, c, d, v, e]) => `${a}${k}${c}:${d}${v}${e}`).join(',')}}`),
  array: fc.array(tie('value'), { maxLength: 4 }).map((values) => `[${values.join(', ')}]`),
  list: fc.array(fc.oneof(numberText, fc.constant('null')), { minLength: 3, maxLength: 3 }).map((values) => `[${values.join(',')}]`),
  value: fc.oneof(
    { maxDepth: 4 },
    numberText,
    quoted(anyText),
    fc.constantFrom('null', 'true', 'false', '-0', '1e400', '12345678901234567890'),
    tie('object'),
    tie('array'),
    tie('list'),
  ),
}));
