import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bar, clip, createScreen, duration, grouped, sparkline, visibleLength } from '../../../../examples/flights/screen.ts';

function terminal(isTTY: boolean): { isTTY: boolean; columns: number; text: string; write(text: string): void } {
  return {
    isTTY,
    columns: 60,
    text: '',
    write(text) {
      this.text += text;
    },
  };
}

test('off a terminal nothing is drawn and nothing is coloured', () => {
  const out = terminal(false);
  const screen = createScreen(out, { color: true, silent: false });
  screen.draw(['live']);
  screen.print(screen.paint.bad('kept'));
  screen.close();
  expect(out.text).toBe('kept\n');
});

test('on a terminal the region is replaced, kept lines go above it', () => {
  const out = terminal(true);
  const screen = createScreen(out, { color: false, silent: false });
  screen.draw(['one', 'two']);
  screen.print('kept');
  screen.draw([]);
  screen.close();
  expect(out.text).toBe('\x1b[?25lone\ntwo\n\x1b[2A\r\x1b[0Jkept\none\ntwo\n\x1b[2A\r\x1b[0J\x1b[?25h');
  expect(screen.paint.good('plain')).toBe('plain');
});

test('--json is silent', () => {
  const out = terminal(true);
  const screen = createScreen(out, { color: true, silent: true });
  screen.print('x');
  screen.draw(['x']);
  screen.close();
  expect(out.text).toBe('');
});

describe('bars', () => {
  test('are exactly as wide as asked for', () => {
    fc.assert(
      fc.property(fc.double({ min: -1, max: 2, noNaN: true }), fc.integer({ min: 1, max: 60 }), (share, width) => {
        expect([...bar(share, width)]).toHaveLength(width);
      }),
    );
    expect(bar(Number.NaN, 5)).toBe('·····');
  });

  test('grow by eighths', () => {
    expect([bar(0, 2), bar(1 / 16, 2), bar(0.5, 2), bar(1, 2)]).toEqual(['··', '▏·', '█·', '██']);
  });
});

test('sparklines have one character a value', () => {
  expect(sparkline([0, 1, 2, 4])).toBe('▁▃▅█');
  expect(sparkline([0.5, Number.NaN, 2], 1)).toBe('▅ █');
  expect(sparkline([0, 0])).toBe('▁▁');
  expect(sparkline([])).toBe('');
});

test('clip counts columns, not colours', () => {
  const text = `\x1b[31mdrift\x1b[39m and more`;
  expect(visibleLength(text)).toBe(14);
  expect(clip(text, 7)).toBe('\x1b[31mdrift\x1b[39m a');
  expect(clip(text, 14)).toBe(text);
});

test('numbers for people', () => {
  expect([grouped(328_521), grouped(0.4)]).toEqual(['328,521', '0']);
  expect([0.4213, 9.99, 12.4, 999, 1_340, 23_456, Number.NaN].map(duration)).toEqual([
    '0.42 ms',
    '10 ms',
    '12 ms',
    '999 ms',
    '1.3 s',
    '23 s',
    '–',
  ]);
});
