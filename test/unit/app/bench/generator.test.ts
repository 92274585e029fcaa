import avsc from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AvroWriter } from '../../../../src/app/bench/avro-writer.ts';
import { EventGenerator } from '../../../../src/app/bench/generator.ts';
import { createHints, type HintNode } from '../../../../src/app/bench/hints.ts';
import { Random, Zipf } from '../../../../src/core/random.ts';
import { compileSkipper, parseAvroSchema } from '../../../../src/avro/plan/index.ts';
import { type ColumnSpec, createRowLayout } from '../../../../src/core/layout.ts';
import { Random as SchemaRandom } from '../../../oracle/random.ts';
import { WriterSchemas } from '../../../oracle/schema-pairs.ts';

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5);
const NO_HINTS: HintNode = { children: new Map() };

/** The bytes of some events. */
function make(schema: unknown, { seed = 1, count = 5, hints = NO_HINTS } = {}): Buffer[] {
  const generator = new EventGenerator({ schema: parseAvroSchema(schema), hints, random: new Random(seed), nowMs: NOW_MS });
  return Array.from({ length: count }, () => {
    const out = new AvroWriter();
    generator.write(out);
    return Buffer.from(out.buffer.subarray(0, out.length));
  });
}

const record = (fields: Record<string, unknown>): unknown => ({
  type: 'record',
  name: 'E',
  fields: Object.entries(fields).map(([name, type]) => ({ name, type })),
});

/** Events as objects. */
function read<T>(schema: unknown, options: Parameters<typeof make>[1] = {}): T[] {
  const type = avsc.Type.forSchema(schema as avsc.Schema);
  return make(schema, options).map((bytes) => type.fromBuffer(bytes) as T);
}

describe('made-up events', () => {
  it('are values of their schema, whatever it is', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (schemaSeed, seed) => {
        const schema = new WriterSchemas(new SchemaRandom(schemaSeed)).record();
        const type = avsc.Type.forSchema(schema as never, { wrapUnions: true });
        const skip = compileSkipper(parseAvroSchema(schema));
        for (const bytes of make(schema, { seed, count: 3 })) {
          // Throws when bytes are missing or left over.
          type.fromBuffer(bytes);
          expect(skip(bytes, 0, bytes.length)).toBe(bytes.length);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('are the same for the same seed, and others for another', () => {
    const schema = new WriterSchemas(new SchemaRandom(7)).record();
    const some = record({ a: 'double', b: schema, c: ['null', 'string'] });
    expect(make(some, { seed: 5, count: 20 })).toEqual(make(some, { seed: 5, count: 20 }));
    expect(make(some, { seed: 5, count: 20 })).not.toEqual(make(some, { seed: 6, count: 20 }));
  });

  it('have times of now in every unit', () => {
    const of = (type: string, logicalType: string): unknown => ({ type, logicalType });
    const [event] = read<Record<string, number>>(
      record({
        millis: of('long', 'timestamp-millis'),
        micros: of('long', 'timestamp-micros'),
        local: of('long', 'local-timestamp-millis'),
        date: of('int', 'date'),
        time: of('int', 'time-millis'),
      }),
    );
    expect(event).toMatchObject({ millis: NOW_MS, micros: NOW_MS * 1_000, local: NOW_MS, date: Math.floor(NOW_MS / 86_400_000) });
    expect(event!['time']).toBeLessThan(86_400_000);
    const nanos = make({ type: 'long', logicalType: 'timestamp-nanos' }, { count: 1 })[0]!;
    let zigzag = 0n;
    for (const [i, byte] of nanos.entries()) zigzag |= BigInt(byte & 127) << BigInt(7 * i);
    expect(zigzag / 2n).toBe(BigInt(NOW_MS) * 1_000_000n);
  });

  it('have a uuid where one is announced', () => {
    for (const id of read<string>({ type: 'string', logicalType: 'uuid' }))
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('end for types that contain themselves, and say so where that is impossible', () => {
    const list = { type: 'record', name: 'L', fields: [{ name: 'next', type: ['null', 'L'] }] };
    expect(() => read(list, { count: 100 })).not.toThrow();
    const endless = { type: 'record', name: 'L', fields: [{ name: 'next', type: 'L' }] };
    expect(() => make(endless)).toThrow(expect.objectContaining({ code: 'schema_invalid' }));
  });
});

const column = (name: string, path: string, rest: Partial<ColumnSpec> = {}): ColumnSpec => ({
  ...{ name, kind: 'float', required: false, onInvalid: 'dead-letter' },
  binding: { from: 'event', path: path.split('.') },
  ...rest,
});

describe('what the pipeline expects', () => {
  const schema = record({
    amount: ['null', 'double'],
    part: ['null', 'string', { type: 'record', name: 'P', fields: [{ name: 'minute', type: 'int' }] }],
    price: { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 },
    card: ['null', 'string'],
    shop: 'long',
    at: 'long',
  });
  const layout = createRowLayout(
    [
      {
        name: 'x',
        kind: 'float',
        columns: [
          column('amount', 'amount', { required: true, min: 5, max: 6 }),
          column('amountToo', 'amount', { min: 5.5 }),
          column('minute', 'part.minute', { required: true, min: 0, max: 3 }),
          column('price', 'price', { min: -2, max: -1 }),
          column('spent', '', { binding: { from: 'group', group: 'card', feature: 'spent' } }),
          column('sold', '', { binding: { from: 'group', group: 'shop', feature: 'sold' } }),
        ],
      },
    ],
    {
      entities: new Map([
        ['card', ['card']],
        ['shop', ['shop']],
      ]),
      eventTime: ['at'],
    },
  );
  const entities = new Map([
    ['card', ['4711', 'größe']],
    ['shop', ['17', '-3']],
  ]);

  it('is in every event: values within the bounds, entities of the stores, the event time', () => {
    const hints = createHints(layout, entities, new Random(3));
    const type = avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: true });
    for (const bytes of make(schema, { hints, count: 300 })) {
      const { amount, part, price, card, shop, at } = type.fromBuffer(bytes) as {
        amount: { double: number };
        part: { P: { minute: number } };
        price: Buffer;
        card: { string: string };
        shop: number;
        at: number;
      };
      expect(amount.double).toBeGreaterThanOrEqual(5.5);
      expect(amount.double).toBeLessThanOrEqual(6);
      expect([0, 1, 2, 3]).toContain(part.P.minute);
      expect(price.readIntBE(0, price.length)).toBeGreaterThanOrEqual(-200);
      expect(price.readIntBE(0, price.length)).toBeLessThanOrEqual(-100);
      expect(entities.get('card')).toContain(card.string);
      expect([17, -3]).toContain(shop);
      expect(at).toBe(NOW_MS);
    }
  });
});

describe('skewed entities', () => {
  it('come up as often as Zipf says', () => {
    const zipf = new Zipf(1_000, 0.99, new Random(9));
    const counts = new Array<number>(1_000).fill(0);
    for (let i = 0; i < 100_000; i++) counts[zipf.next()]!++;
    const total = Array.from({ length: 1_000 }, (_, r) => 1 / (r + 1) ** 0.99).reduce((a, b) => a + b, 0);
    for (const rank of [0, 1, 9]) expect(counts[rank]! / 100_000).toBeCloseTo(1 / (rank + 1) ** 0.99 / total, 2);
    expect(counts.every((count) => count >= 0) && counts.at(-1)! < counts[0]! / 50).toBe(true);
  });
});
