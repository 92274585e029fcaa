import { expect, test } from 'vitest';
import { HELP, parseDemoOptions, UsageError } from '../../../../examples/flights/demo-options.ts';

test('defaults: the year, at full speed, two workers', () => {
  expect(parseDemoOptions([], {})).toEqual({
    model: 'flights-gbt',
    layout: 'json',
    partitions: 8,
    workers: 2,
    hasLabels: true,
    isKept: false,
    isJson: false,
    hasColor: true,
    isHelp: false,
  });
});

test('takes short model names and NO_COLOR', () => {
  const options = parseDemoOptions(['--model', 'mlp', '--rate', '5,000', '--limit=300', '--layout', 'packed', '--keep'], { NO_COLOR: '1' });
  expect(options).toMatchObject({ model: 'flights-mlp', rate: 5_000, limit: 300, layout: 'packed', isKept: true, hasColor: false });
});

test('labels can be left out', () => {
  expect(parseDemoOptions(['--no-labels'], {})).toMatchObject({ hasLabels: false });
});

test('the bounds are included', () => {
  expect(parseDemoOptions(['--partitions', '1000', '--workers', '100'], {})).toMatchObject({ partitions: 1_000, workers: 100 });
  expect(parseDemoOptions(['--partitions', '1', '--workers', '1'], {})).toMatchObject({ partitions: 1, workers: 1 });
});

test.each([
  [['--model', 'xgb'], 'flights-gbt, flights-lr, flights-mlp'],
  [['--layout', 'xml'], 'json, hash, packed'],
  [['--rate', '0'], 'above 0'],
  [['--rate', 'fast'], 'above 0'],
  [['--limit', '1.5'], 'whole number'],
  [['--model', 'foo'], '--model foo:'],
  [['--partitions', '-1'], '--partitions'],
  [['--partitions', '1001'], 'from 1 to 1000'],
  [['--workers', '101'], 'from 1 to 100'],
  [['--speed', '1'], '--speed'],
  [['extra'], 'extra'],
])('%j is refused with what would be right', (args, text) => {
  expect(() => parseDemoOptions(args, {})).toThrow(UsageError);
  expect(() => parseDemoOptions(args, {})).toThrow(text);
});

test('the help names every option', () => {
  for (const option of [
    '--rate',
    '--limit',
    '--model',
    '--layout',
    '--partitions',
    '--workers',
    '--no-labels',
    '--keep',
    '--json',
    '--no-color',
    '--help',
  ]) {
    expect(HELP).toContain(`  ${option} `);
  }
});
