import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import type { OutputRecords } from '../../../src/core/outputs.ts';
import type { DriftObserver } from '../../../src/core/ports.ts';
import { cellLayoutOf } from '../../../src/drift/cells.ts';
import { createDriftObserver, MAX_PANES } from '../../../src/drift/observer.ts';
import { encodeProfileDelta, type ProfileDelta } from '../../../src/drift/profile-delta.ts';
import { checkProfileDelta, decodeProfileDelta } from '../../../src/drift/profile-delta-reader.ts';
import { driftProfileType } from '../../../src/drift/schemas.ts';
import {
  batchOf,
  type Datum,
  datumFrom,
  layout,
  MODEL,
  observerOf,
  mergerOf,
  PREFIX,
  randomFrom,
  referenceOf,
  rowsOf,
  SINK,
  sourceOf,
  START_MS,
} from './support.ts';

const reference = referenceOf();
const clock = new ManualClock();
const create = (): DriftObserver => observerOf({ reference, clock, workerId: 'w1' });
const observe = (observer: DriftObserver, parts: Parameters<typeof rowsOf>[0]): void => {
  const { rows, scores } = rowsOf(parts);
  observer.observe(rows, scores, sourceOf({ startOffset: parts[0]!.firstOffset }));
};
const decode = (outputs: OutputRecords): ProfileDelta[] => {
  const batch = batchOf([outputs]);
  return Array.from({ length: batch.count }, (_, i) =>
    decodeProfileDelta(PREFIX, batch.buffer, batch.valueStart[i]!, batch.valueLength[i]!),
  );
};

const HOUR_MS = 3_600_000;
const isWithinHour = (startMs: number, endMs: number): boolean => Math.floor(startMs / HOUR_MS) === Math.floor((endMs - 1) / HOUR_MS);

describe('drift observer', () => {
  test('gives out deltas when they are due, once, keyed by model and version', () => {
    const observer = create();
    observe(observer, [{ partition: 2, firstOffset: 0, data: [{}, {}] }]);
    expect(observer.takeDeltas(false, SINK)).toBeUndefined();
    clock.advance(1000);
    const outputs = observer.takeDeltas(false, SINK)!;
    expect(outputs.topic).toBe('profiles');
    expect(outputs.count).toBe(1);
    expect(outputs.buffer.toString('utf8', outputs.keyStart[0], outputs.keyStart[0]! + outputs.keyLength[0]!)).toBe('toy|1');
    expect(outputs.partition[0]).toBe(-1);
    expect(decode(outputs)[0]).toMatchObject({
      model: 'toy',
      modelVersion: '1',
      referenceId: reference.referenceId,
      workerId: 'w1',
      segmentId: 'w1/1/0',
      generation: 1,
      openedAt: 0,
      startOffset: 0,
      isElsewhere: false,
      committedOffset: 0,
      inputTopic: 'in',
      inputPartition: 2,
      fromOffset: 0,
      toOffset: 2,
      emittedAt: clock.wallMs(),
    });
    clock.advance(5000);
    expect(observer.takeDeltas(false, SINK)).toBeUndefined();
    expect(observer.takeDeltas(true, SINK)).toBeUndefined();
  });

  test('force takes at once; positions of rows without counts move too', () => {
    const observer = create();
    observe(observer, [{ partition: 0, firstOffset: 4, data: [{ dead: true }] }]);
    const [delta] = decode(observer.takeDeltas(true, SINK)!);
    expect(delta).toMatchObject({ fromOffset: 4, toOffset: 5, deadLetters: 1, panes: [], maxEventTime: -1 });
  });

  test('a wide spread of event times makes a flush due at once', () => {
    const observer = create();
    const data = Array.from({ length: MAX_PANES + 1 }, (_, i): Datum => ({ timeMs: START_MS + i * 60_000 }));
    observe(observer, [{ partition: 0, firstOffset: 0, data }]);
    expect(decode(observer.takeDeltas(false, SINK)!)[0]!.panes).toHaveLength(MAX_PANES + 1);
  });

  test('refuses a profile of another version and a pane that is no time', () => {
    const options = {
      layout,
      model: MODEL,
      reference,
      profilesTopic: 'p',
      prefix: PREFIX,
      paneMs: 60_000,
      flushIntervalMs: 1,
      clock,
      workerId: 'w',
    };
    expect(() => createDriftObserver({ ...options, model: { name: 'toy', version: '9' } })).toThrow(/built for model toy 1/);
    expect(() => createDriftObserver({ ...options, paneMs: 0 })).toThrow(/drift.pane/);
  });
});

describe('profile deltas', () => {
  test('a delta of very many panes is cut into records that a broker takes, and adds up to the same', () => {
    const observer = create();
    const random = randomFrom(6);
    const panes = 1500;
    const data = Array.from(
      { length: panes * 20 },
      (_, i): Datum => ({ ...datumFrom(random), timeMs: START_MS + (i % panes) * 60_000, dead: i === 7 }),
    );
    const { rows, scores } = rowsOf([{ partition: 0, firstOffset: 0, data }]);
    observer.observe(rows, scores, sourceOf());
    const outputs = observer.takeDeltas(true, SINK)!;
    expect(outputs.count).toBeGreaterThan(2);
    expect(Math.max(...outputs.valueLength.subarray(0, outputs.count))).toBeLessThan(300_000);
    const deltas = decode(outputs);
    expect(deltas.map(({ part, parts, fromOffset, toOffset, deadLetters }) => [part, parts, fromOffset, toOffset, deadLetters])).toEqual(
      deltas.map((_, i) => [i, deltas.length, 0, data.length, i === 0 ? 1 : 0]),
    );
    expect(deltas.flatMap((d) => d.panes)).toHaveLength(panes);
    const { merger } = mergerOf(reference);
    merger.apply(batchOf([outputs]));
    expect(merger.snapshot().counts).toMatchObject({ deltas: 1, events: data.length - 1, deadLetters: 1, duplicatesDropped: 0, gaps: 0 });
  });

  const someDelta = (): { delta: ProfileDelta; value: Buffer } => {
    const observer = create();
    const random = randomFrom(5);
    const data = Array.from({ length: 60 }, (_, i) => ({ ...datumFrom(random, i), timeMs: START_MS + i * 5000 }));
    observe(observer, [{ partition: 1, firstOffset: 2 ** 40, data }]);
    const batch = batchOf([observer.takeDeltas(true, SINK)!]);
    const value = batch.buffer.subarray(batch.valueStart[0], batch.valueStart[0]! + batch.valueLength[0]!);
    return { delta: decodeProfileDelta(PREFIX, value, 0, value.length), value };
  };

  test('read as avsc reads them', () => {
    const { delta, value } = someDelta();
    expect(delta.fromOffset).toBe(2 ** 40);
    expect(delta.panes.length).toBeGreaterThan(3);
    expect(JSON.parse(JSON.stringify(driftProfileType.fromBuffer(value.subarray(PREFIX.length))))).toEqual(delta);
    expect(encodeProfileDelta(PREFIX, delta)).toEqual(value);
  });

  test('bytes that are not a delta are refused with a RangeError, whatever they are', () => {
    const { value } = someDelta();
    const cells = cellLayoutOf(reference);
    const attempt = (bytes: Buffer): void => {
      try {
        checkProfileDelta(decodeProfileDelta(PREFIX, bytes, 0, bytes.length), cells, isWithinHour);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(RangeError);
      }
    };
    for (let size = 0; size < value.length; size += 7) expect(() => decodeProfileDelta(PREFIX, value, 0, size)).toThrow(RangeError);
    expect(() => decodeProfileDelta(PREFIX, Buffer.concat([value, Buffer.of(0)]), 0, value.length + 1)).toThrow(/left over/);
    expect(() => decodeProfileDelta(Buffer.of(9), value, 0, value.length)).toThrow(/another schema/);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(value.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }), (changes) => {
        const bytes = Buffer.from(value);
        for (const [at, byte] of changes) bytes[at] = byte;
        attempt(bytes);
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => attempt(Buffer.concat([PREFIX, bytes]))));
  });

  test('an array header that promises two billion items costs nothing', () => {
    const { delta } = someDelta();
    const value = encodeProfileDelta(PREFIX, { ...delta, panes: [] });
    const bomb = Buffer.concat([value.subarray(0, -1), Buffer.from('80d0acf30e', 'hex')]);
    expect(() => decodeProfileDelta(PREFIX, bomb, 0, bomb.length)).toThrow(/longer than its bytes/);
  });

  test.each([
    ['a cell that is not there', (d: ProfileDelta) => d.panes[0]!.features[0]!.cells.splice(-1, 1, 9999), /cell/],
    ['cells out of order', (d: ProfileDelta) => d.panes[0]!.features[0]!.cells.reverse(), /cell/],
    ['one count too few', (d: ProfileDelta) => d.panes[0]!.features[0]!.counts.pop(), /length/],
    ['a feature too few', (d: ProfileDelta) => d.panes[0]!.features.pop(), /number of features/],
    ['counts that do not add up', (d: ProfileDelta) => d.panes[0]!.features[0]!.missing++, /add up/],
    ['a pane over two windows', (d: ProfileDelta) => (d.panes[0]!.durationMs = 7_200_000), /within one window/],
    ['offsets that run backwards', (d: ProfileDelta) => (d.toOffset = 1), /backwards/],
  ])('%s is refused', (_, change, message) => {
    const { delta } = someDelta();
    delta.panes = delta.panes.filter((pane) => pane.features[0]!.cells.length > 1);
    change(delta);
    expect(() => checkProfileDelta(delta, cellLayoutOf(reference), isWithinHour)).toThrow(message);
  });
});
