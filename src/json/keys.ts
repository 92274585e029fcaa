import type { Target } from '../core/bindings.ts';
import { viewOf } from '../core/bytes.ts';
import { type DOUBLE, type SINGLE, TEXT } from './scanner.ts';

/** A bound list. */
export type ListTarget = Extract<Target, { kind: 'list' }>;

/** A member of a JSON object that something is bound to, itself or below it. Exactly one of keys, list and targets is used. */
export interface Member {
  /** `event.a.b` */
  readonly path: string;
  /** Set when its value is an object with bound members. */
  readonly keys: KeyTable | undefined;
  readonly children: readonly Member[];
  /** Set when its value is a list of numbers. */
  readonly list: ListTarget | undefined;
  /** What its value fills. The next four say it in numbers alone: objects of several shapes are slow to go through. */
  readonly targets: readonly Target[];
  /** Lane and slot of each float column, in turn. */
  readonly floats: Int32Array;
  /** Lanes of string columns. */
  readonly texts: Int32Array;
  /** Groups whose entity it is. */
  readonly entities: Int32Array;
  /** True when nothing but a comparison is lost without it. */
  readonly isOnlyCompared: boolean;
  /** Indexes of the columns that it fills, or that its fields fill. */
  readonly columns: readonly number[];
  /** True when it is the event time. */
  readonly isTime: boolean;
  /** How exact a number must be: the event time has more digits than a column holds. */
  readonly precision: typeof SINGLE | typeof DOUBLE;
  /** Elements of its list that this record has written: what a duplicate of the key has to take back, and no more. */
  written: number;
  /** Record in which it was met last: meeting it again means that the key is there twice. */
  seenIn: number;
}

/** A key that was met or is bound. */
export interface Key {
  /** As it stands in a record, closing quote included: so a longer key is not taken for it. */
  readonly bytes: Uint8Array;
  /** The same in words of four, the last one ending with the last byte; none when there are fewer than four. */
  readonly words: Int32Array;
  /** What the value fills; undefined: nothing. */
  readonly member: Member | undefined;
  /** JSON writes it as it is, without an escape. */
  readonly isPlain: boolean;
  /** The key that came after this one the last time; the guess for the next. */
  next: Key | undefined;
}

/** Keys that fill nothing are remembered up to this number; further ones are looked up every time. */
const MOST_UNBOUND = 256;
/** Longer ones are not remembered: they would be memory for whoever sends them. */
const MOST_KEY_BYTES = 128;

/**
 * The keys of one object of the event. Producers write the same keys in the same order, so the next key is guessed from the
 * one before and compared; only when that fails is it looked up by its bytes (open addressing, FNV-1a).
 */
export class KeyTable {
  /** Stands before the first key of an object. */
  readonly start: Key = keyOf(new Uint8Array(0), undefined);
  private readonly bound: ReadonlyMap<string, Key>;
  private readonly slots: (Key | undefined)[];
  private unbound = 0;

  constructor(members: ReadonlyMap<string, Member>) {
    this.bound = new Map(
      [...members].map(([name, member]): [string, Key] => [name, keyOf(Buffer.from(`${name}"`), member, !ESCAPED.test(name))]),
    );
    // At most half full, so that a probe ends soon.
    this.slots = new Array<Key | undefined>(2 ** Math.ceil(Math.log2((members.size + MOST_UNBOUND) * 2))).fill(undefined);
    // What JSON writes with an escape is found by its text.
    for (const key of this.bound.values()) if (key.isPlain) this.slots[this.slotOf(key.bytes, 0, key.bytes.length - 1)] = key;
  }

  /**
   * Looks up a key that `stringEnd` has just passed over.
   * @param p after its opening quote; @param close its closing quote
   * @returns the key, or undefined for one that fills nothing and is not remembered
   */
  find(b: Buffer, p: number, close: number): Key | undefined {
    if (TEXT.isEscaped) return this.bound.get(JSON.parse(b.toString('utf8', p - 1, close + 1)) as string);
    const slot = this.slotOf(b, p, close);
    const known = this.slots[slot];
    if (known !== undefined || this.unbound === MOST_UNBOUND || close - p > MOST_KEY_BYTES) return known;
    this.unbound++;
    return (this.slots[slot] = keyOf(Uint8Array.prototype.slice.call(b, p, close + 1), undefined));
  }

  /** Slot that holds the key, or in which it would be put. */
  private slotOf(b: Uint8Array, p: number, close: number): number {
    const mask = this.slots.length - 1;
    let hash = 0x811c9dc5;
    for (let i = p; i < close; i++) hash = Math.imul(hash ^ b[i]!, 0x01000193);
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (;;) {
      const key = this.slots[slot];
      if (key === undefined || (key.bytes.length === close - p + 1 && isSame(key.bytes, b, p))) return slot;
      slot = (slot + 1) & mask;
    }
  }
}

/** True when the bytes of a key, closing quote included, stand at `p`. @param view over the bytes, same positions */
export function isKeyAt({ bytes, words }: Key, b: Uint8Array, view: DataView, p: number, end: number): boolean {
  const { length } = bytes;
  if (length > end - p) return false;
  if (length < 4) {
    for (let i = 0; i < length; i++) if (b[p + i] !== bytes[i]) return false;
    return true;
  }
  const last = words.length - 1;
  for (let i = 0; i < last; i++) if (view.getInt32(p + 4 * i, true) !== words[i]) return false;
  return view.getInt32(p + length - 4, true) === words[last];
}

/** What JSON writes with an escape. */
const ESCAPED = /[\u0000-\u001f"\\]/;

function keyOf(bytes: Uint8Array, member: Member | undefined, isPlain = true): Key {
  const view = viewOf(bytes);
  const count = bytes.length < 4 ? 0 : Math.ceil(bytes.length / 4);
  const words = Int32Array.from({ length: count }, (_, i) => view.getInt32(Math.min(4 * i, bytes.length - 4), true));
  return { bytes, words, member, isPlain, next: undefined };
}

function isSame(bytes: Uint8Array, b: Uint8Array, p: number): boolean {
  for (let i = 0; i < bytes.length; i++) if (b[p + i] !== bytes[i]) return false;
  return true;
}
