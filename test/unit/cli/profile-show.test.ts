import { describe, expect, test } from 'vitest';
import { compareProfiles } from '../../../src/app/reference-file.ts';
import { columnLines, differenceLines, profileLines } from '../../../src/cli/profile-show.ts';
import { createReferenceBuilder } from '../../../src/drift/reference-builder.ts';
import { layout, MODEL, referenceOf, rowsOf } from '../drift/support.ts';

const reference = referenceOf(2_000);

describe('weir profile show', () => {
  test('has a line for each column and the score', () => {
    const lines = profileLines(reference);
    expect(lines[0]).toBe(`toy 1: 2,000 rows, reference ${reference.referenceId.slice(0, 12)}`);
    expect(lines.slice(2).map((line) => line.split('  ')[0])).toEqual(['delay', 'day', 'wind', 'origin', 'score (score)']);
    expect(lines[5]).toMatch(/^origin +CATEGORICAL +\d+ words +\d/);
  });

  test('says how good the scores of the reference are, where it is known', () => {
    const { rows, scores } = rowsOf([{ partition: 0, firstOffset: 0, data: [0.25, 0.75, 0.5, 0.125].map((score) => ({ score })) }]);
    const builder = createReferenceBuilder({ layout, model: MODEL, task: { kind: 'binary', threshold: 0.5 } });
    builder.observe(rows, scores, Float64Array.of(0, 1, 0, Number.NaN));
    expect(profileLines(builder.build()).at(-1)).toMatch(
      /^performance \(binary\) of 3 labelled rows: auc 1, accuracy 0\.6667, precision 0\.5, recall 1, f1 0\.6667, logLoss [\d.]+, brier 0\.125, positiveRate 0\.3333$/,
    );
  });

  test('prints the cells of a column: words, single values, ranges', () => {
    const [head, ...words] = columnLines(reference, 'origin');
    expect(head).toMatch(/^WORD +VALUES +SHARE$/);
    expect(words.at(-1)).toMatch(/^\(all others\) +0 +0 %$/);
    const days = columnLines(reference, 'day').slice(1);
    expect(days.some((line) => /^x = 3 +\d+/.test(line))).toBe(true);
    const delays = columnLines(reference, 'delay').slice(1);
    expect(delays[0]).toMatch(/^x < -?[\d.]+ /);
    expect(delays.at(-1)).toMatch(/^x ≥ /);
    expect(columnLines(reference, 'score').length).toBeGreaterThan(10);
    expect(() => columnLines(reference, 'nope')).toThrow('it has delay, day, wind, origin, score');
  });
});

describe('weir profile diff', () => {
  test('names what moved first, and says when both are one', () => {
    expect(differenceLines(reference, reference, [])[0]).toContain('Both are the same profile: toy 1');
    const other = referenceOf(2_000, 7);
    const lines = differenceLines(reference, other, compareProfiles(reference, other));
    expect(lines[0]).toBe('toy 1 (2,000 rows) → toy 1 (2,000 rows)');
    expect(lines[1]).toMatch(/^COLUMN +MOVED +MEAN +STD +MISSING +NOTE$/);
    expect(lines.find((line) => line.startsWith('delay'))).toMatch(/^delay +≥ [\d.]+ % .*cells differ$/);
  });
});
