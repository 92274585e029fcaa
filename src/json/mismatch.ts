/** Values that are JSON but not what their column takes: what is said of them. */
import type { Target } from '../core/bindings.ts';
import type { RecordErrorCode } from '../core/errors.ts';
import type { ListTarget, Member } from './keys.ts';
import type { LIST } from './number-list.ts';

/** A value that its column does not take. */
export interface Mismatch {
  readonly member: Member;
  readonly code: RecordErrorCode;
  readonly message: string;
  /** Indexes of the columns that are without a value because its type is wrong. */
  readonly columns: readonly number[];
}

/** Said of a bound string that would be damaged as a key or category. */
export const INVALID_TEXT = 'is not text: it has bytes that are no UTF-8, or half a surrogate pair';

const WANTED: Readonly<Record<Target['kind'], string>> = {
  float: 'a number or boolean',
  text: 'a string',
  entity: 'a string or a whole number',
  list: 'a list of numbers',
  time: 'a number of milliseconds since 1970',
};

/** Kinds of targets that a number fills. */
export const BY_NUMBER = ['float', 'time', 'entity'] as const;
/** Kinds of targets that a boolean fills. */
export const BY_BOOLEAN = ['float'] as const;
/** Kinds of targets that a string fills. */
export const BY_TEXT = ['text', 'entity'] as const;

/** Said of a value whose type some target does not take. @param filled kinds of targets that do; @param c its first byte */
export function unwantedText({ targets }: Member, filled: readonly Target['kind'][], c: number): string {
  const { kind, what } = targets.find((target) => !filled.includes(target.kind))!;
  return `is ${nameOf(c)}, but ${what} needs ${WANTED[kind]}`;
}

/** Columns among the targets of a value that its type does not fill. @param filled kinds of targets that it does */
export function unfilledColumns({ targets }: Member, filled: readonly Target['kind'][]): number[] {
  return targets.filter(({ kind, column }) => column >= 0 && !filled.includes(kind)).map(({ column }) => column);
}

/** Said of a number for an entity that is not whole. */
export function fractionText({ targets }: Member): string {
  const { what } = targets.find(({ kind }) => kind === 'entity')!;
  return `is a number with a fraction or exponent, but ${what} needs ${WANTED.entity}`;
}

/** Said of a list that does not fill its column. */
export function listText({ what, size }: ListTarget, problem: typeof LIST.problem, count: number): string {
  if (problem === 'more') return `has more than the ${size} numbers that ${what} takes`;
  if (problem === 'fewer') return `has ${count} numbers, but ${what} takes ${size}`;
  return `has an element ${count} that is no number, but ${what} takes ${size} numbers`;
}

/** What a value is, by its first byte. */
export function nameOf(c: number): string {
  if (c === 0x22) return 'a string';
  if (c === 0x7b) return 'an object';
  if (c === 0x5b) return 'an array';
  return c === 0x74 || c === 0x66 ? 'a boolean' : 'a number';
}
