import { isOnlyCompared, MAX_TIME_MS, pathText, type Target } from '../../core/bindings.ts';
import { isBinaryUuid } from './bindings.ts';
import { type AvroSchema, describe } from './schema.ts';
import { SkipCode, readIndex } from './skip-code.ts';
import type { Assignment, FieldStep, Step } from './steps.ts';
import { timeUnit } from './units.ts';

// V8 does not optimise functions above about 60 kB of bytecode; runs of skipped fields longer than this leave the function.
const MAX_INLINE_SKIPS = 12;

type Leaf = Extract<Step, { kind: 'leaf' }>;

/**
 * Writes the code of a decoder from a tree of steps. Names and texts of schemas reach the code only through the table
 * `constants`, never as text, so a hostile schema cannot inject code.
 */
export class DecodeCode {
  /** Messages, symbols and default texts that the code refers to by position. */
  readonly constants: unknown[] = [];
  private readonly skip = new SkipCode();
  private readonly floatWidths: readonly number[];
  private outlined = '';
  private readonly usedLanes = new Set<string>();
  private usesView = false;
  private readsOn = false;

  constructor(floatWidths: readonly number[]) {
    this.floatWidths = floatWidths;
  }

  /** The whole program: helper functions, then `return function decode(…)`. */
  program(root: Step): string {
    const body = this.step(root, 'event');
    const functions = this.skip.functions();
    const lanes = [...this.usedLanes].map((lane) => this.declareLane(lane)).join('');
    const view = this.usesView ? 'const view = VIEW.buffer === b ? VIEW.view : openView(b);\n' : '';
    return `'use strict';
${this.outlined}${functions}return function decode(b, p, end, rows, row) {
let v = 0, x = 0, d = 0, q = 0, t = NaN${this.readsOn ? ', isFailed = false' : ''};
${view}${lanes}${body}if (t === t) rows.eventTimeMs[row] = t;
return ${this.readsOn ? 'isFailed ? -1 : p' : 'p'};
};`;
  }

  private declareLane(lane: string): string {
    const index = lane.slice(1);
    if (lane.startsWith('f')) return `const ${lane} = rows.floats[${index}], r${index} = row * ${this.floatWidths[Number(index)]};\n`;
    return `const ${lane} = rows.${lane.startsWith('t') ? 'texts' : 'entities'}[${index}];\n`;
  }

  private constant(value: unknown): string {
    return `K[${this.constants.push(value) - 1}]`;
  }

  private malformed(path: string, what: string): string {
    return `return malformed(rows, row, ${this.constant(`${path}: ${what}`)});`;
  }

  private unresolvable(message: string): string {
    return `return unresolvable(rows, row, ${this.constant(message)});`;
  }

  private step(step: Step, path: string): string {
    switch (step.kind) {
      case 'skip':
        return this.skip.over([step.schema], this.malformed(path, notLegal(step.schema)), '0');
      case 'error':
        return this.error(step, path);
      case 'record':
        return this.fields(step.fields) + step.defaults.map((d) => this.assignment(d)).join('');
      case 'union':
        return this.union(step, path);
      case 'enum':
        return this.enumeration(step);
      case 'leaf':
        return this.leaf(step);
    }
  }

  /** Fails the row. Where it is for a type, the rest is read on: a wrong type is counted by its event time. */
  private error({ message, schema, columns }: Extract<Step, { kind: 'error' }>, path: string): string {
    if (columns.length === 0) return `${this.unresolvable(message)}\n`;
    this.readsOn = true;
    const past = this.skip.over([schema], this.malformed(path, notLegal(schema)), '0');
    return `isFailed = true;\nwrongType(rows, row, ${this.constant(message)}, ${this.constant(columns)});\n${past}`;
  }

  private fields(fields: readonly FieldStep[]): string {
    let code = '';
    for (let i = 0; i < fields.length; ) {
      const { path, step } = fields[i]!;
      if (step.kind !== 'skip') {
        code += this.step(step, path);
        i++;
        continue;
      }
      const from = i;
      const run: AvroSchema[] = [];
      for (let next = fields[i]; next?.step.kind === 'skip'; next = fields[++i]) run.push(next.step.schema);
      const last = fields[i - 1]!.path;
      const where = i - from === 1 ? path : `${path} … ${last}`;
      code += this.skipRun(run, this.malformed(where, i - from === 1 ? notLegal(run[0]!) : 'the bytes end early or are not legal.'));
    }
    return code;
  }

  private skipRun(run: readonly AvroSchema[], fail: string): string {
    if (run.length <= MAX_INLINE_SKIPS) return this.skip.over(run, fail, '0');
    let code = '';
    for (let i = 0; i < run.length; i += 500) {
      const part = this.skip.outlined(run.slice(i, i + 500));
      this.outlined += part.code;
      code += `if ((p = ${part.name}(b, p, end, 0)) < 0) ${fail}\n`;
    }
    return code;
  }

  private union(step: Extract<Step, { kind: 'union' }>, path: string): string {
    const cases = step.branches.map((branch, i) => `case ${i}: {\n${this.step(branch, path)}break;\n}\n`);
    const fail = this.malformed(path, `the number of the union branch is not one of 0 to ${step.branches.length - 1}.`);
    return `${readIndex(step.branches.length, fail)}switch (v) {\n${cases.join('')}}\n`;
  }

  private enumeration(step: Extract<Step, { kind: 'enum' }>): string {
    const path = pathText(step.node.path);
    const symbols = this.constant(step.symbols.map((s) => (s === undefined ? undefined : Buffer.from(s))));
    const fail = this.malformed(path, `the number of the symbol is not one of 0 to ${step.writer.symbols.length - 1}.`);
    let code = readIndex(step.writer.symbols.length, fail);
    const unknown = step.writer.symbols.filter((_, i) => step.symbols[i] === undefined);
    const isPassedOver = isOnlyCompared(step.node);
    if (unknown.length > 0 && !isPassedOver) {
      const messages = this.constant(step.writer.symbols.map((s) => `${path}: the reader's enum has no symbol ${s} and no default.`));
      code += `if (${symbols}[v] === undefined) return unresolvable(rows, row, ${messages}[v]);\n`;
    }
    const texts = step.node.targets.map((t) => `${this.column(t)}.set(row, symbol, 0, symbol.length);\n`);
    return `${code}${isPassedOver ? `if (${symbols}[v] !== undefined) ` : ''}{ const symbol = ${symbols}[v];\n${texts.join('')}}\n`;
  }

  private leaf(step: Leaf): string {
    const path = pathText(step.node.path);
    const fail = this.malformed(path, notLegal(step.writer));
    const { targets } = step.node;
    switch (step.writer.type) {
      case 'boolean':
        return `if (p >= end || (v = b[p++]) > 1) ${fail}\n${this.numbers(targets, 'v', step)}`;
      case 'int':
        return `if (p < end && (v = b[p]) < 128) p++;
else if (p + 1 < end && (x = b[p + 1]) < 128) { v = v & 127 | x << 7; p += 2; }
else { if ((p = readRawInt(b, p, end)) < 0) ${fail} v = WORD[0]; }
v = (v >>> 1) ^ -(v & 1);
${this.numbers(targets, 'v', step)}`;
      case 'long':
        return this.long(step, fail);
      case 'float':
      case 'double': {
        const [size, getter] = step.writer.type === 'float' ? [4, 'getFloat32'] : [8, 'getFloat64'];
        this.usesView = true;
        return `if (p + ${size} > end) ${fail}\nd = view.${getter}(p, true); p += ${size};\n${this.numbers(targets, 'd', step)}`;
      }
      case 'string':
      case 'bytes':
        return this.bytes(step, fail);
      case 'fixed':
        return `if (p + ${step.writer.size} > end) ${fail}\nx = ${step.writer.size};\n${this.binary(step)}p += x;\n`;
      default:
        return fail;
    }
  }

  /** A long may have to be read more than once: rounded once to float32, as a double, and as digits. */
  private long(step: Leaf, fail: string): string {
    // A reader that says double rounds to a double first, as Java does.
    const floats = step.node.targets.filter((t) => t.kind === 'float');
    const once = step.reader.type === 'double' ? [] : floats;
    const twice = step.reader.type === 'double' ? floats : [];
    const readings: string[] = [];
    const read = (reader: string, targets: readonly Target[]): void => {
      if (targets.length === 0) return;
      readings.push(`if (p < end && (v = b[p]) < 128) { p++; d = (v >>> 1) ^ -(v & 1); }
else { if ((p = ${reader}(b, p, end)) < 0) ${fail} d = NUMBER[0]; }
${this.numbers(targets, 'd', step)}`);
    };
    read('readLongForFloat', once);
    read('readLong', [...twice, ...step.node.targets.filter((t) => t.kind === 'time')]);
    for (const target of step.node.targets)
      if (target.kind === 'entity') readings.push(`if ((p = readLongAsText(b, p, end, ${this.column(target)}, row)) < 0) ${fail}\n`);
    return readings.length === 1 ? readings[0]! : `q = p;\n${readings.join('p = q;\n')}`;
  }

  private bytes(step: Leaf, fail: string): string {
    return `if (p < end && ((v = b[p]) & 129) === 0) { p++; x = v >> 1; if (x > end - p) ${fail} }
else { if ((p = readSize(b, p, end)) < 0) ${fail} x = WORD[0]; }
${step.reader.type === 'string' ? this.text(step) : this.binary(step)}p += x;
`;
  }

  private text(step: Leaf): string {
    const fail = this.malformed(pathText(step.node.path), 'the text is not valid UTF-8.');
    return `if (!isText(b, p, x)) ${fail}\n${step.node.targets.map((t) => `${this.column(t)}.set(row, b, p, x);\n`).join('')}`;
  }

  /** Decimals into floats, uuids of 16 bytes into texts; the bytes are `x` many at `p`. */
  private binary(step: Leaf): string {
    if (isBinaryUuid(step.reader)) return step.node.targets.map((t) => `${this.column(t)}.setText(row, uuidText(b, p));\n`).join('');
    const fail = this.malformed(pathText(step.node.path), 'a decimal of no bytes is no number.');
    return `if (x === 0) ${fail}\nd = decimalFrom(b, p, x, ${step.reader.scale ?? 0});\n${this.numbers(step.node.targets, 'd', step)}`;
  }

  private numbers(targets: readonly Target[], value: 'v' | 'd', step: Leaf): string {
    return targets
      .map((target) => {
        if (target.kind === 'float') return this.toFloat(target, value);
        if (target.kind === 'time') return this.toTime(value, step);
        return `putInteger(${this.column(target)}, row, ${value});\n`;
      })
      .join('');
  }

  private toFloat(target: Extract<Target, { kind: 'float' }>, value: string): string {
    return `${this.column(target)}[r${target.lane} + ${target.slot}] = ${value};\n`;
  }

  private toTime(value: string, step: Leaf): string {
    const { multiply, divide } = timeUnit(step.reader);
    const millis = divide !== 1 ? `Math.floor(${value} / ${divide})` : multiply !== 1 ? `${value} * ${multiply}` : value;
    const fail = this.unresolvable(`${pathText(step.node.path)}: the event time is further from 1970 than ${MAX_TIME_MS} ms.`);
    return `t = ${millis};\nif (t > ${MAX_TIME_MS} || t < -${MAX_TIME_MS}) ${fail}\n`;
  }

  private assignment({ target, value }: Assignment): string {
    if (target.kind === 'time') return `t = ${this.constant(Number(value))};\n`;
    if (target.kind === 'float') return this.toFloat(target, this.constant(Number(value)));
    const bytes = Buffer.from(String(value));
    return `${this.column(target)}.set(row, ${this.constant(bytes)}, 0, ${bytes.length});\n`;
  }

  private column(target: Target): string {
    const name =
      target.kind === 'float'
        ? `f${target.lane}`
        : target.kind === 'text'
          ? `t${target.lane}`
          : target.kind === 'entity'
            ? `e${target.index}`
            : '';
    this.usedLanes.add(name);
    return name;
  }
}

function notLegal(schema: AvroSchema): string {
  return `the bytes end early or are not a value of ${describe(schema)}.`;
}
