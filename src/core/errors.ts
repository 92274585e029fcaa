import { ERROR_TABLE, type ErrorKind } from './error-table.ts';

export { ERROR_TABLE, type ErrorKind, type Stage } from './error-table.ts';

/** A code of the error table. */
export type ErrorCode = keyof typeof ERROR_TABLE;

/** The codes whose kind is `record`. */
export type RecordErrorCode = {
  [C in ErrorCode]: (typeof ERROR_TABLE)[C]['kind'] extends 'record' ? C : never;
}[ErrorCode];

/** Record error codes in table order; the index + 1 is the row status (0 is ok). */
export const RECORD_ERROR_CODES = (Object.keys(ERROR_TABLE) as ErrorCode[]).filter(
  (code) => ERROR_TABLE[code].kind === 'record',
) as readonly RecordErrorCode[];

/** An error with a code of the table. Everything weir throws on purpose is one of these. */
export class WeirError extends Error {
  override readonly name = 'WeirError';
  readonly code: ErrorCode;

  /**
   * @param code entry of the error table
   * @param message what happened, with names and numbers; never a payload
   */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  get kind(): ErrorKind {
    return ERROR_TABLE[this.code].kind;
  }

  get action(): string {
    return ERROR_TABLE[this.code].action;
  }
}

/** Turns whatever was thrown into a `WeirError`; what is not one already becomes `unknown`, which is fatal. */
export function weirErrorFrom(thrown: unknown): WeirError {
  if (thrown instanceof WeirError) return thrown;
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown));
  return new WeirError('unknown', `${cause.name}: ${cause.message}`, { cause });
}

/** True when waiting may cure the error. */
export function isRetriable(thrown: unknown): boolean {
  return thrown instanceof WeirError && thrown.kind === 'retriable';
}
