import { describe, expect, it } from 'vitest';
import { syntheticPool } from '../../../../src/app/bench/event-pool.ts';
import { createEventFrame, type EventSchema, localRegistry } from '../../../../src/app/bench/event-schema.ts';
import { createHints } from '../../../../src/app/bench/hints.ts';
import { PoolSource } from '../../../../src/app/bench/pool-source.ts';
import { Random } from '../../../../src/core/random.ts';
import { createAvroCodec } from '../../../../src/avro/codec.ts';
import { parseAvroSchema } from '../../../../src/avro/plan/index.ts';
import { INPUT_FORMATS } from '../../../../src/config/sections/input.ts';
import { ManualClock } from '../../../../src/core/clock.ts';
import { createRowLayout } from '../../../../src/core/layout.ts';
import { wholeOf } from '../../../../src/core/records.ts';
import { Rows } from '../../../../src/core/rows.ts';
import { silentLogger } from '../../../../src/core/silent.ts';

const json = {
  type: 'record',
  name: 'Event',
  fields: [
    { name: 'amount', type: ['null', 'double'] },
    { name: 'note', type: { type: 'array', items: 'string' } },
  ],
};
const parsed = parseAvroSchema(json);
const schema: EventSchema = { json, parsed, references: new Map(), origin: 'a test' };
const layout = createRowLayout(
  [
    {
      name: 'x',
      kind: 'float',
      columns: [
        {
          ...{ name: 'amount', kind: 'float', required: true, onInvalid: 'dead-letter', min: 2, max: 3 },
          binding: { from: 'event', path: ['amount'] },
        },
      ],
    },
  ],
  { entities: new Map() },
);

describe('a pool of made-up events', () => {
  it.each(INPUT_FORMATS.filter((format) => format !== 'json'))('is read by the codec in the format %s', async (format) => {
    const clock = new ManualClock();
    const random = new Random(1);
    const hints = createHints(layout, new Map(), random);
    const frame = createEventFrame(format, parsed);
    const pool = syntheticPool({ schema: parsed, hints, random, nowMs: clock.wallMs(), frame, count: 200 });
    const source = new PoolSource({ pool, topic: 't', durationMs: 1_000, clock });
    await source.start({ onReady() {}, onRevoked() {}, onRebalance: async () => {}, onResumed() {} });
    const codec = createAvroCodec({
      ...{ format, layout, clock, tombstones: 'dead-letter', logger: silentLogger },
      writerSchemas: [json],
      registry: localRegistry(schema),
    });
    const rows = new Rows(layout, 200);
    rows.reset([wholeOf(source.take()!)]);
    await codec.decode(rows);
    expect(rows.messageOf(0)).toBe('');
    expect([rows.count, rows.failed]).toEqual([200, 0]);
    expect(rows.eventTimeMs[199]).toBe(clock.wallMs());
    for (let row = 0; row < 200; row++) {
      const amount = rows.float(row, layout.columns[0]!);
      expect(amount >= 2 && amount <= 3).toBe(true);
    }
  });
});
