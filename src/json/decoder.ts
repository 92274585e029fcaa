import { MAX_TIME_MS, type Target } from '../core/bindings.ts';
import { isText, viewOf } from '../core/bytes.ts';
import type { RecordErrorCode } from '../core/errors.ts';
import type { RowLayout } from '../core/layout.ts';
import type { Rows } from '../core/rows.ts';
import { clearTargets } from './clear.ts';
import { isKeyAt, type KeyTable, type ListTarget, type Member } from './keys.ts';
import {
  BY_BOOLEAN,
  BY_NUMBER,
  BY_TEXT,
  fractionText,
  INVALID_TEXT,
  listText,
  type Mismatch,
  nameOf,
  unfilledColumns,
  unwantedText,
} from './mismatch.ts';
import { LIST, readNumbers } from './number-list.ts';
import { compileMembers } from './plan.ts';
import { expected, isWhole, literalEnd, NUMBER, readNumber, skipColon, skipValue, space, stringEnd, TEXT } from './scanner.ts';
import { UNESCAPED, unescape } from './unescape.ts';

// Here and not imported: a constant of another module is loaded and checked at every use.
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const LEFT_BRACKET = 0x5b;
const RIGHT_BRACKET = 0x5d;
const LEFT_BRACE = 0x7b;
const RIGHT_BRACE = 0x7d;

/**
 * Walks the bytes of one JSON object after another and fills rows from them. Nothing is built of what is read: bound members
 * are written to their columns, all others are passed over.
 */
export class JsonDecoder {
  /** Values that their column does not take: the first one fails the row, unless its key comes again. */
  mismatches: Mismatch[] = [];
  private readonly root: ReturnType<typeof compileMembers>;
  private readonly widths: readonly number[];
  private buffer: Buffer = Buffer.alloc(0);
  private view: DataView = new DataView(new ArrayBuffer(0));
  private end = 0;
  private rows!: Rows;
  private row = 0;
  private record = 0;
  private readonly time = new Float64Array(1);

  /** @throws WeirError `config_invalid` when bindings contradict each other */
  constructor(layout: RowLayout) {
    this.root = compileMembers(layout);
    this.widths = layout.floatWidths;
  }

  /** Turns to the buffer that the next records lie in. @param view over its bytes, same positions */
  open(rows: Rows, buffer: Buffer, view: DataView): void {
    this.rows = rows;
    this.buffer = buffer;
    this.view = view;
  }

  /**
   * Reads the object in bytes `[start, end)` into a row.
   * @returns false when the bytes are not one JSON object (`PROBLEM` says where); `mismatches` is to be looked at otherwise
   */
  read(start: number, end: number, row: number): boolean {
    this.end = end;
    this.row = row;
    this.record = (this.record + 1) & 0x3fffffff;
    this.time[0] = Number.NaN;
    if (this.mismatches.length > 0) this.mismatches = [];
    const b = this.buffer;
    let p = space(b, start, end);
    p = p < end && b[p] === LEFT_BRACE ? this.object(this.root.keys, p + 1) : expected(p, 'a JSON object');
    if (p >= 0 && (p = space(b, p, end)) < end) p = expected(p, 'nothing after the object');
    if (p < 0) return false;
    const time = this.time[0]!;
    if (time === time) this.rows.eventTimeMs[row] = time;
    return true;
  }

  /** @param p after the opening brace @returns the position after the closing one, or −1 */
  private object(keys: KeyTable, p: number): number {
    const b = this.buffer;
    const { end, view } = this;
    let before = keys.start;
    p = space(b, p, end);
    if (p < end && b[p] === RIGHT_BRACE) return p + 1;
    for (;;) {
      if (p >= end || b[p] !== QUOTE) return expected(p, 'a key in double quotes');
      p++;
      let key = before.next;
      if (key !== undefined && isKeyAt(key, b, view, p, end)) p += key.bytes.length;
      else {
        const close = stringEnd(b, p, end);
        if (close < 0) return -1;
        key = keys.find(b, p, close);
        // Its bytes are not those that stand in the record if it is written with an escape.
        if (key?.isPlain) before.next = key;
        p = close + 1;
      }
      if (key !== undefined) before = key;
      if ((p = skipColon(b, p, end)) < 0) return -1;
      const member = key?.member;
      if ((p = member === undefined ? skipValue(b, p, end) : this.member(member, p)) < 0) return -1;
      p = space(b, p, end);
      const next = p < end ? b[p] : 0;
      if (next === RIGHT_BRACE) return p + 1;
      if (next !== COMMA) return expected(p, 'a comma or }');
      p = space(b, p + 1, end);
    }
  }

  private member(member: Member, p: number): number {
    const b = this.buffer;
    const { end } = this;
    if (member.seenIn === this.record) this.forget(member);
    member.seenIn = this.record;
    member.written = 0;
    const c = p < end ? b[p]! : 0;
    // Null is no value, as if the key were not there.
    if (c === 0x6e) return literalEnd(b, p, end);
    if (member.keys !== undefined) {
      if (c === LEFT_BRACE) return this.object(member.keys, p + 1);
      return this.mismatch(member, p, `is ${nameOf(c)}, but fields of it are bound: it must be an object`, member.columns);
    }
    if (member.list !== undefined) return this.list(member, member.list, p);
    if (c === QUOTE) return this.text(member, p + 1);
    if (c === MINUS || (c >= 0x30 && c <= 0x39)) return this.number(member, p);
    if (c === 0x74 || c === 0x66) return this.boolean(member, p, c === 0x74 ? 1 : 0);
    return c === LEFT_BRACE || c === LEFT_BRACKET ? this.unwanted(member, p, []) : expected(p, 'a value');
  }

  private number(member: Member, start: number): number {
    const p = readNumber(this.buffer, start, this.end, member.precision);
    if (p < 0) return -1;
    this.putFloats(member.floats, NUMBER[0]!);
    if (member.isTime) this.putTime(member, start);
    if (member.texts.length > 0) return this.unwanted(member, start, BY_NUMBER);
    if (member.entities.length > 0) this.putWhole(member, start, p);
    return p;
  }

  private boolean(member: Member, start: number, value: number): number {
    const p = literalEnd(this.buffer, start, this.end);
    if (p < 0) return -1;
    if (member.floats.length < 2 * member.targets.length) return this.unwanted(member, start, BY_BOOLEAN);
    this.putFloats(member.floats, value);
    return p;
  }

  /** @param start after the opening quote */
  private text(member: Member, start: number): number {
    const close = stringEnd(this.buffer, start, this.end);
    if (close < 0) return -1;
    const { texts, entities } = member;
    if (texts.length + entities.length < member.targets.length) return this.unwanted(member, start - 1, BY_TEXT);
    let bytes = this.buffer;
    let from = start;
    let size = close - start;
    const isAscii = TEXT.isAscii;
    if (TEXT.isEscaped) {
      size = unescape(bytes, start, close);
      from = 0;
      bytes = UNESCAPED.bytes;
    }
    if (size < 0 || (!isAscii && !isText(bytes, from, size))) return this.mismatch(member, start - 1, INVALID_TEXT, [], 'decode_failed');
    for (let i = 0; i < texts.length; i++) this.rows.texts[texts[i]!]!.set(this.row, bytes, from, size);
    for (let i = 0; i < entities.length; i++) this.rows.entities[entities[i]!]!.set(this.row, bytes, from, size);
    return close + 1;
  }

  private list(member: Member, target: ListTarget, p: number): number {
    const b = this.buffer;
    const { end } = this;
    const c = p < end ? b[p] : 0;
    if (c !== LEFT_BRACKET && c !== QUOTE) return this.unwanted(member, p, []);
    const close = this.numbers(member, target, b, this.view, p + 1, end, c === QUOTE ? QUOTE : RIGHT_BRACKET);
    if (close >= 0) return close + 1;
    // Not a list of so many numbers; is it JSON?
    const { problem, count } = LIST;
    const after = skipValue(b, p, end);
    if (after < 0) return -1;
    if (problem === 'escaped') return this.escapedList(member, target, p + 1, after);
    return this.mismatch(member, p, listText(target, problem, count), member.columns);
  }

  private numbers(member: Member, target: ListTarget, b: Buffer, view: DataView, p: number, end: number, closing: 0x22 | 0x5d): number {
    const { lane, slot, size } = target;
    const close = readNumbers(b, view, p, end, closing, this.rows.floats[lane]!, this.row * this.widths[lane]! + slot, size);
    member.written = close < 0 ? LIST.count : size;
    return close;
  }

  /** A list in a text with escapes. @param start after the opening quote; @param after after the closing one */
  private escapedList(member: Member, target: ListTarget, start: number, after: number): number {
    const size = unescape(this.buffer, start, after - 1);
    if (size < 0) return this.mismatch(member, start - 1, INVALID_TEXT, [], 'decode_failed');
    const { bytes } = UNESCAPED;
    bytes[size] = QUOTE;
    const close = this.numbers(member, target, bytes, viewOf(bytes), 0, size + 1, QUOTE);
    if (close === size) return after;
    return this.mismatch(member, start - 1, listText(target, close < 0 ? LIST.problem : 'number', LIST.count), member.columns);
  }

  private putTime(member: Member, start: number): void {
    const time = Math.floor(NUMBER[0]!);
    if (Math.abs(time) <= MAX_TIME_MS) this.time[0] = time;
    else this.mismatch(member, start, `is an event time further from 1970 than ${MAX_TIME_MS} ms`, []);
  }

  private putFloats(floats: Int32Array, value: number): void {
    for (let i = 0; i < floats.length; i += 2) {
      const lane = floats[i]!;
      this.rows.floats[lane]![this.row * this.widths[lane]! + floats[i + 1]!] = value;
    }
  }

  /** Puts the digits of a whole number as they are, so that ids of 64 bits keep them all. */
  private putWhole(member: Member, start: number, end: number): void {
    if (!isWhole(this.buffer, start, end)) {
      this.mismatch(member, start, fractionText(member), []);
      return;
    }
    const from = end - start === 2 && NUMBER[0] === 0 ? start + 1 : start; // -0
    for (const entity of member.entities) this.rows.entities[entity]!.set(this.row, this.buffer, from, end - from);
  }

  /** As `mismatch`, for a value of a type that some target does not take. @param filled kinds of targets that do */
  private unwanted(member: Member, p: number, filled: readonly Target['kind'][]): number {
    const text = unwantedText(member, filled, p < this.end ? this.buffer[p]! : 0);
    return this.mismatch(member, p, text, unfilledColumns(member, filled));
  }

  /** Notes that a value is not what is wanted, and passes over it. @param p where the value begins; @param columns without a value for its type */
  private mismatch(
    member: Member,
    p: number,
    what: string,
    columns: readonly number[],
    code: RecordErrorCode = 'data_unresolvable',
  ): number {
    if (!member.isOnlyCompared) this.mismatches.push({ member, code, message: `${member.path} ${what}.`, columns });
    return skipValue(this.buffer, p, this.end);
  }

  /** Takes back all that a member has given: its key is there again, and the last one counts. */
  private forget(member: Member): void {
    const { rows, row } = this;
    this.mismatches = this.mismatches.filter((m) => m.member !== member);
    clearTargets(member, rows, row);
    if (member.isTime) this.time[0] = Number.NaN;
    for (const child of member.children) {
      if (child.seenIn === this.record) this.forget(child);
      child.seenIn = -1;
    }
  }
}
