/** JSON events into rows: the decoder against JSON.parse and copying, on objects of ten fields and on lists of 784 numbers. */
import { type ColumnSpec, createRowLayout, type RowLayout } from '../../src/core/layout.ts';
import { wholeOf, type RecordBatch } from '../../src/core/records.ts';
import { Rows } from '../../src/core/rows.ts';
import { createJsonCodec } from '../../src/json/codec.ts';
import { type Contenders, contest, type Result } from './contest.ts';

/** As many as a micro-batch has. */
const RECORDS = 256;
const LIST = 784;

/** Runs the contests. */
export function contestJson(rounds: number): Result[] {
  const results: Result[] = [];
  const add = (what: string, texts: readonly string[], layout: RowLayout, copy: Copy, repeats: number): void =>
    void results.push(...run(what, texts, layout, copy, repeats, rounds));
  const objects = Array.from({ length: RECORDS }, (_, row) => JSON.stringify(event(row)));
  add('JSON object of 10 fields', objects, OBJECT, copyObject, 400);
  const lists = Array.from({ length: RECORDS }, (_, row) => Array.from({ length: LIST }, (_value, i) => random(row * LIST + i).toFixed(8)));
  const head = (row: number): string => `{"id":"${100_000 + row}","ts":${1.7e12 + row},"data":`;
  add(
    `JSON, ${LIST} floats of 8 decimals in a string`,
    lists.map((list, row) => `${head(row)}"${list.join(',')}"}`),
    LISTS,
    (json, rows, row) => copyList((json['data'] as string).split(',').map(Number), json, rows, row),
    20,
  );
  const copyArray: Copy = (json, rows, row) => copyList(json['data'] as number[], json, rows, row);
  add(
    `JSON, ${LIST} floats of 8 decimals in an array`,
    lists.map((list, row) => `${head(row)}[${list.join(',')}]}`),
    LISTS,
    copyArray,
    20,
  );
  const full = (row: number): string => Array.from({ length: LIST }, (_, i) => String(random(row * LIST + i))).join(',');
  add(
    `JSON, ${LIST} doubles with all digits in an array`,
    lists.map((_, row) => `${head(row)}[${full(row)}]}`),
    LISTS,
    copyArray,
    20,
  );
  return results;
}

type Json = Record<string, unknown>;
type Copy = (json: Json, rows: Rows, row: number) => void;

function run(what: string, texts: readonly string[], layout: RowLayout, copy: Copy, repeats: number, rounds: number): Result[] {
  const records = batchOf(texts.map((text) => Buffer.from(text)));
  const { buffer, valueStart, valueLength } = records;
  const codec = createJsonCodec({ layout, tombstones: 'skip' });
  const rows = new Rows(layout, RECORDS);
  const contenders: Contenders = {
    'weir: rows': () => {
      rows.reset([wholeOf(records)]);
      void codec.decode(rows);
      if (rows.failed > 0) throw new Error(rows.messageOf(0));
    },
    'JSON.parse and copying': () => {
      rows.reset([wholeOf(records)]);
      for (let row = 0; row < RECORDS; row++) {
        const start = valueStart[row]!;
        copy(JSON.parse(buffer.toString('utf8', start, start + valueLength[row]!)) as Json, rows, row);
      }
    },
  };
  return contest(`${what}, ${(buffer.length / RECORDS).toFixed(0)} bytes`, contenders, RECORDS, repeats, rounds);
}

const NUMBERS = ['amount', 'age', 'visits', 'clicks', 'lat', 'lon'];

function event(row: number): object {
  const numbers = Object.fromEntries(NUMBERS.map((name, i) => [name, i % 2 === 0 ? Math.round(random(row + i) * 1e6) / 100 : row + i]));
  return { id: `user-${100_000 + row}`, at: 1.7e12 + row, country: 'NO', session: `s-${row}`, ...numbers };
}

function column(name: string, kind: 'float' | 'string' = 'float', more: Partial<ColumnSpec> = {}): ColumnSpec {
  return { name, kind, binding: { from: 'event', path: [name] }, required: false, onInvalid: 'flag', ...more };
}

const OBJECT = createRowLayout(
  [
    {
      name: 'x',
      kind: 'float',
      columns: [...NUMBERS.map((name) => column(name)), { ...column('rank'), binding: { from: 'group', group: 'user', feature: 'rank' } }],
    },
    { name: 'c', kind: 'string', columns: [column('country', 'string')] },
  ],
  { entities: new Map([['user', ['id']]]), eventTime: ['at'] },
);

const LISTS = createRowLayout([{ name: 'x', kind: 'float', columns: [column('data', 'float', { size: LIST })] }], {
  entities: new Map(),
  eventTime: ['ts'],
});

function copyObject(json: Json, rows: Rows, row: number): void {
  const width = NUMBERS.length + 1;
  for (const [i, name] of NUMBERS.entries()) rows.floats[0]![row * width + i] = json[name] as number;
  rows.texts[0]!.setText(row, json['country'] as string);
  rows.entities[0]!.setText(row, json['id'] as string);
  rows.eventTimeMs[row] = json['at'] as number;
}

function copyList(list: readonly number[], json: Json, rows: Rows, row: number): void {
  rows.floats[0]!.set(list, row * LIST);
  rows.eventTimeMs[row] = json['ts'] as number;
}

/** Numbers between 0 and 1 that are the same in every run (a step of xorshift, and Weyl's sequence). */
function random(seed: number): number {
  const mixed = Math.imul((seed * 2_654_435_761) ^ (seed << 13), 0x9e3779b1) >>> 0;
  return (mixed + ((seed * 0.618_033_988_749) % 1)) / 2 ** 32;
}

function batchOf(values: readonly Buffer[]): RecordBatch {
  const count = values.length;
  const buffer = Buffer.concat(values);
  const valueLength = Int32Array.from(values, ({ length }) => length);
  const valueStart = new Int32Array(count);
  for (let i = 1; i < count; i++) valueStart[i] = valueStart[i - 1]! + valueLength[i - 1]!;
  const none = new Int32Array(count);
  return {
    topic: 'bench',
    partition: 0,
    epoch: 1,
    count,
    buffer,
    offsets: Float64Array.from(values, (_, i) => i),
    timestamps: new Float64Array(count),
    keyStart: none,
    keyLength: new Int32Array(count).fill(-1),
    valueStart,
    valueLength,
    headerStart: none,
    headerLength: none,
    nextOffset: count,
    endOffset: count,
    arrivedAtMs: 0,
    bytes: buffer.length,
  };
}
