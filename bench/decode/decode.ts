/**
 * Rows per second of the compiled Avro decoder against avsc, on one event of flight size, and of the JSON decoder against JSON.parse.
 * Rounds are interleaved; compare ratios, not digits.
 *
 *     npm run bench -- decode [--rounds 5] [--json]
 */
import { parseArgs } from 'node:util';
import avro from 'avsc';
import { compilePlan, compileSkipper, parseAvroSchema } from '../../src/avro/plan/index.ts';
import { type ColumnSpec, createRowLayout } from '../../src/core/layout.ts';
import { Rows } from '../../src/core/rows.ts';
import { machineLine } from '../report.ts';
import { type Contenders, contest, resultTable, ROUNDS } from './contest.ts';
import { contestJson } from './json.ts';

const RECORDS = 512;
const REPEATS = 400;

const floats = Array.from({ length: 12 }, (_, i) => `f${i}`);
const ints = Array.from({ length: 8 }, (_, i) => `i${i}`);
const schema = {
  type: 'record',
  name: 'bench.Event',
  fields: [
    { name: 'eventId', type: 'string' },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'tailnum', type: 'string' },
    { name: 'carrier', type: { type: 'enum', name: 'Carrier', symbols: ['AA', 'B6', 'DL', 'UA'] } },
    ...floats.map((name) => ({ name, type: 'float' })),
    ...ints.map((name, i) => ({ name, type: i % 2 === 0 ? 'int' : ['null', 'int'] })),
    { name: 'notes', type: { type: 'array', items: 'string' } },
  ],
};

function event(row: number): object {
  const numbers = Object.fromEntries([...floats.map((f, i) => [f, row * 0.25 + i]), ...ints.map((f, i) => [f, row * 7 - i * 100])]);
  return { eventId: `event-${row}`, at: 1.7e12 + row, tailnum: `N${10_000 + row}`, carrier: 'DL', notes: ['a', 'bc'], ...numbers };
}

function column(name: string, kind: 'float' | 'string', path: string): ColumnSpec {
  return { name, kind, binding: { from: 'event', path: [path] }, required: false, onInvalid: 'flag' };
}

const layout = createRowLayout(
  [
    {
      name: 'x',
      kind: 'float',
      columns: [
        ...[...floats, ...ints].map((f) => column(f, 'float', f)),
        { name: 'age', kind: 'float', binding: { from: 'group', group: 'plane', feature: 'age' }, required: false, onInvalid: 'flag' },
      ],
    },
    { name: 'c', kind: 'string', columns: [column('carrier', 'string', 'carrier')] },
  ],
  { entities: new Map([['plane', ['tailnum']]]), eventTime: ['at'] },
);

const type = avro.Type.forSchema(schema as avro.Schema);
const datums = Array.from({ length: RECORDS }, (_, row) => type.toBuffer(event(row)));
const buffer = Buffer.concat(datums);
const starts = datums.map((_, i) => datums.slice(0, i).reduce((sum, d) => sum + d.length, 0));
const ends = starts.map((start, i) => start + datums[i]!.length);
const plan = compilePlan(parseAvroSchema(schema), undefined, layout);
const skip = compileSkipper(parseAvroSchema(schema));
const rows = new Rows(layout, RECORDS);
const records = { timestamps: new Float64Array(RECORDS) } as unknown as Rows['slices'][number]['records'];

const contenders: Contenders = {
  'weir: rows': () => {
    rows.reset([{ records, from: 0, to: RECORDS, fromRow: 0 }]);
    for (let row = 0; row < RECORDS; row++)
      if (plan.decode(buffer, starts[row]!, ends[row]!, rows, row) !== ends[row]) throw new Error(rows.messageOf(row));
  },
  'weir: skip': () => {
    for (let row = 0; row < RECORDS; row++) if (skip(buffer, starts[row]!, ends[row]!) !== ends[row]) throw new Error('skip');
  },
  'avsc: objects': () => {
    for (let row = 0; row < RECORDS; row++) type.fromBuffer(datums[row]!);
  },
};

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: String(ROUNDS) }, json: { type: 'boolean', default: false } },
});
const rounds = Number(flags.rounds);
const results = [
  ...contest(`Avro event of ${(buffer.length / RECORDS).toFixed(0)} bytes`, contenders, RECORDS, REPEATS, rounds),
  ...contestJson(rounds),
];
console.log(`${machineLine(`${rounds} rounds`, 'medians')}\n\n${resultTable(results)}`);
if (flags.json) console.log(JSON.stringify({ node: process.version, rounds, results }));
