import { isText } from '../../core/bytes.ts';
import { WeirError } from '../../core/errors.ts';
import { bindingTree, countTargets } from '../../core/bindings.ts';
import type { RowLayout } from '../../core/layout.ts';
import type { Rows } from '../../core/rows.ts';
import { applyAliases } from './aliases.ts';
import { bindingProblems } from './bindings.ts';
import { DecodeCode } from './decode-code.ts';
import { defaultProblems } from './defaults.ts';
import { type ResolveNotes, resolve } from './resolve.ts';
import { type AvroSchema, describe } from './schema.ts';
import { SkipCode } from './skip-code.ts';
import { certainFailure } from './steps.ts';
import { decimalFrom, uuidText } from './units.ts';
import * as wire from './wire.ts';

/** A decoder for data of one writer schema into rows of one layout. Keeps no state between calls. */
export interface DecodePlan {
  /** What a person should know of this pair of schemas: logical types that change meaning, bound fields that are not there. */
  readonly warnings: readonly string[];
  /**
   * Reads the datum in bytes `[start, end)` of `buffer` into the event columns, entities and event time of a row. A value that
   * is null or absent leaves its column as it is (`Rows.reset` makes all of them empty).
   * @returns the position after the datum (the caller compares it with `end`), or −1 when the row was failed, with
   * `decode_failed` (the bytes are not legal) or `data_unresolvable` (the reader schema cannot take this value). A row that
   * failed for the type of a value is read to its end, for its event time (`Rows.markWrongType`).
   * A failed row may hold values already.
   */
  decode(buffer: Buffer, start: number, end: number, rows: Rows, row: number): number;
}

/**
 * Compiles the decoder for a writer schema. Resolution is that of Java Avro 1.12, of the reader schema cut down to the fields
 * that the layout binds to. Without a reader schema the writer's own fields are bound by path; those it
 * lacks have no value.
 *
 * Texts that are not UTF-8 are refused (`decode_failed`), where Java puts U+FFFD: an entity key or category that was damaged
 * on its way is worse than a dead letter.
 * @throws WeirError `schema_incompatible`
 */
export function compilePlan(writer: AvroSchema, reader: AvroSchema | undefined, layout: RowLayout): DecodePlan {
  return guardDepth(() => compile(writer, reader, layout));
}

function compile(writer: AvroSchema, reader: AvroSchema | undefined, layout: RowLayout): DecodePlan {
  const tree = bindingTree(layout);
  const notes: ResolveNotes = { warnings: new Set(), found: 0 };
  for (const problem of bindingProblems(reader ?? writer, tree)) {
    if (reader || problem.kind === 'type') incompatible(problem.message);
    notes.warnings.add(`${problem.message} Such records have no value there.`);
  }
  const step = resolve(reader ? applyAliases(writer, reader) : writer, reader ?? writer, tree, notes);
  const failure = certainFailure(step);
  if (failure !== undefined) incompatible(failure);
  if (notes.found === 0 && !reader && countTargets(tree) > 0)
    incompatible(`None of the bound fields exists in the writer's ${describe(writer)}: ${[...notes.warnings].join(' ')}`);
  const code = new DecodeCode(layout.floatWidths);
  const source = code.program(step);
  return { warnings: [...notes.warnings], decode: build(source, code.constants) as DecodePlan['decode'] };
}

function incompatible(message: string): never {
  throw new WeirError('schema_incompatible', message);
}

/** Schemas come from outside: one that nests without end must not end the process. */
function guardDepth<T>(work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof RangeError) return incompatible(`The schemas are nested too deeply (${thrown.message}).`);
    throw thrown;
  }
}

/**
 * Findings of `weir check`: bound paths that the reader schema lacks, or has with a type or default that cannot fill the column.
 * @returns one sentence a finding; empty when all is well
 */
export function checkBindings(reader: AvroSchema, layout: RowLayout): string[] {
  const tree = bindingTree(layout);
  return [...bindingProblems(reader, tree).map((p) => p.message), ...defaultProblems(reader, tree)];
}

/**
 * Compiles a function that finds where a datum ends, without reading it.
 * @returns `(buffer, start, end)` → the position after the datum, −1 when the bytes are not legal
 */
export function compileSkipper(writer: AvroSchema): (buffer: Uint8Array, start: number, end: number) => number {
  return guardDepth(() => {
    const skip = new SkipCode();
    const body = skip.over([writer], 'return -1;', '0');
    const source = `'use strict';\n${skip.functions()}return function skip(b, p, end) {\nlet v = 0;\n${body}return p;\n};`;
    return build(source, []) as (buffer: Uint8Array, start: number, end: number) => number;
  });
}

const RUNTIME = {
  readRawInt: wire.readRawInt,
  readLong: wire.readLong,
  readLongForFloat: wire.readLongForFloat,
  readLongAsText: wire.readLongAsText,
  readSize: wire.readSize,
  skipInt: wire.skipInt,
  skipLong: wire.skipLong,
  skipBytes: wire.skipBytes,
  isText,
  putInteger: wire.putInteger,
  openView: wire.openView,
  NUMBER: wire.NUMBER,
  WORD: wire.WORD,
  VIEW: wire.VIEW,
  decimalFrom,
  uuidText,
  malformed(rows: Rows, row: number, message: string): number {
    rows.fail(row, 'decode_failed', message);
    return -1;
  },
  unresolvable(rows: Rows, row: number, message: string): number {
    rows.fail(row, 'data_unresolvable', message);
    return -1;
  },
  wrongType(rows: Rows, row: number, message: string, columns: readonly number[]): void {
    rows.fail(row, 'data_unresolvable', message);
    for (const column of columns) rows.markWrongType(row, column);
  },
};

/** Turns generated code into functions. The code holds nothing but numbers and names made up here. */
function build(source: string, constants: readonly unknown[]): unknown {
  const factory = new Function(...Object.keys(RUNTIME), 'K', source) as (...values: unknown[]) => unknown;
  return factory(...Object.values(RUNTIME), constants);
}
