import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { duration, eventField, parseDuration, previousWindow, topic } from '../../../src/config/scalars.ts';

describe('parseDuration', () => {
  it.each([
    ['0', 0],
    ['250', 250],
    ['250ms', 250],
    ['1.5s', 1_500],
    ['30 s', 30_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['28d', 2_419_200_000],
  ])('reads %s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', 'm', '-1s', '1 fortnight', '1h30m', '1e3', 'NaN', '٣s'])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it('is additive in its number for every unit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000 }), fc.constantFrom('ms', 's', 'm', 'h', 'd'), (n, unit) => {
        expect(parseDuration(`${n}${unit}`)).toBe(n * parseDuration(`1${unit}`)!);
      }),
    );
  });
});

describe('duration', () => {
  it('takes milliseconds and text, and keeps its bounds', () => {
    expect(duration(1).parse(12)).toBe(12);
    expect(duration(1).parse('2s')).toBe(2_000);
    expect(duration(10).safeParse('9ms').error?.issues[0]?.message).toBe('must be between 10 ms and 3650 days');
    expect(duration().safeParse('4000d').success).toBe(false);
    expect(duration().safeParse(Number.POSITIVE_INFINITY).success).toBe(false);
    expect(duration().safeParse(true).success).toBe(false);
  });
});

describe('the earlier window', () => {
  it('is a number of windows, or so long before', () => {
    expect(previousWindow().parse(0)).toEqual({ windows: 0 });
    expect(previousWindow().parse('7')).toEqual({ windows: 7 });
    expect(previousWindow().parse('7d')).toEqual({ agoMs: 604_800_000 });
    for (const wrong of [-1, 1.5, 1_025, '', '0d', '9999', '1w', true])
      expect(previousWindow().safeParse(wrong).success, String(wrong)).toBe(false);
  });
});

describe('names', () => {
  it('reads an event field as a path without event', () => {
    expect(eventField().parse('event.address.zip')).toEqual(['address', 'zip']);
    for (const wrong of ['event', 'event.', 'zip', 'plane.zip', 'event.a-b', 'event..a'])
      expect(eventField().safeParse(wrong).success).toBe(false);
  });

  it('knows topic names', () => {
    for (const right of ['a', 'a.b_c-d', 'x'.repeat(249)]) expect(topic().safeParse(right).success).toBe(true);
    for (const wrong of ['', '.', '..', 'a b', 'ä', 'x'.repeat(250)]) expect(topic().safeParse(wrong).success).toBe(false);
  });
});
