import { describe, expect, test } from 'vitest';
import { type Progress, renderLine, renderPanel, windowDays } from '../../../../examples/flights/panel.ts';
import { clip, createScreen, visibleLength } from '../../../../examples/flights/screen.ts';
import { driftWindow, featureDrift } from './fixtures.ts';

const { paint: plain } = createScreen({ isTTY: false, write: () => undefined }, { color: false, silent: false });
const { paint: coloured } = createScreen({ isTTY: true, write: () => undefined }, { color: true, silent: false });

function progress(rest: Partial<Progress> = {}): Progress {
  return {
    model: 'flights-gbt',
    workers: 2,
    partitions: 8,
    total: 328_521,
    published: 200_000,
    eventTimeMs: Date.UTC(2013, 7, 18),
    elapsedMs: 83_000,
    observed: {
      settled: 164_261,
      rates: [0, 10_000, 20_000, 24_310],
      latencyMs: { p50: 12, p95: 41, p99: 690 },
      rowsPerBatch: 487.4,
      deadLetters: 0,
    },
    windows: [],
    ...rest,
  };
}

describe('panel', () => {
  test('shows how far, how fast and how late', () => {
    const text = renderPanel(progress(), plain, 100).join('\n');
    for (const part of [
      '2 workers · 8 partitions',
      '01:23',
      '200,000',
      '164,261',
      '50 %',
      '35,739 waiting',
      '18 Aug 2013',
      '24,310 events/s',
    ]) {
      expect(text).toContain(part);
    }
    expect(text).toContain('p50 12 ms · p95 41 ms · p99 690 ms in the worker');
    expect(text).toContain('487 rows each · 0 dead letters');
    expect(text).toContain('still open');
  });

  test('keeps its height, so that nothing jumps when drift appears', () => {
    const features = ['temp', 'dewp', 'humid', 'precip', 'visib', 'a', 'b', 'c', 'd'].map((name, i) =>
      featureDrift(name, 0.9 - i / 10, 'DRIFT'),
    );
    const before = renderPanel(progress(), plain, 80);
    const after = renderPanel(progress({ windows: [driftWindow(0, features)] }), plain, 80);
    expect(after).toHaveLength(before.length);
  });

  test.each([40, 60, 80, 100])('fits %d columns, by clipping below 80', (width) => {
    const windows = Array.from({ length: 14 }, (_, i) => driftWindow(i, [featureDrift('scheduledElapsedMinutes', 0.5, 'DRIFT')]));
    const screen = createScreen({ isTTY: true, columns: width, write: () => undefined }, { color: true, silent: false });
    const lines = renderPanel(progress({ windows }), coloured, screen.width);
    if (width < 80) expect(lines.every((line) => visibleLength(clip(line, width)) <= width)).toBe(true);
    else expect(Math.max(...lines.map(visibleLength))).toBeLessThanOrEqual(width);
  });

  test('puts the most moved feature first, with the window it speaks of', () => {
    const windows = [
      driftWindow(0, [featureDrift('visib', 0.05), featureDrift('temp', 0.3, 'DRIFT')]),
      driftWindow(1, [featureDrift('visib', 0.06), featureDrift('temp', 0.8, 'DRIFT')]),
      driftWindow(2, [featureDrift('visib', null, 'INSUFFICIENT_DATA')], { prediction: featureDrift('score', null, 'INSUFFICIENT_DATA') }),
    ];
    const lines = renderPanel(progress({ windows }), plain, 100);
    const title = lines.findIndex((line) => line.includes('29 Jan – 25 Feb'));
    expect(title).toBeGreaterThan(0);
    expect(lines[title + 1]).toMatch(/temp .*80 % {2}▃▇ {2}drift/);
    expect(lines[title + 2]).toMatch(/visib .* 6 %/);
  });
});

test('the line for logs says the same', () => {
  const windows = [driftWindow(0, [featureDrift('temp', 0.5, 'DRIFT'), featureDrift('visib', 0.01)])];
  expect(renderLine(progress({ windows }))).toBe(
    '   83 s · 164,261 of 328,521 scored · 24,310 events/s · lag 35,739 · p50 12 ms, p95 41 ms, p99 690 ms · 487 rows per micro-batch · 0 dead letters · drift: temp',
  );
  const observed = {
    settled: 0,
    rates: [],
    latencyMs: { p50: Number.NaN, p95: Number.NaN, p99: Number.NaN },
    rowsPerBatch: Number.NaN,
    deadLetters: 0,
  };
  expect(renderLine(progress({ observed }))).toContain('p50 –, p95 –, p99 – · – rows per micro-batch · 0 dead letters · no drift yet');
});

test('days of a window are both inclusive', () => {
  expect(windowDays(driftWindow(0, []))).toBe('1 Jan – 28 Jan');
});
