import { describe, expect, test } from 'vitest';
import { Hysteresis } from '../../../src/drift/hysteresis.ts';

/** Alerts after each window, `!` or `-`. */
function alertsAfter(verdicts: string): string {
  const hysteresis = new Hysteresis();
  return Array.from(verdicts, (verdict, i) => {
    const [stands] = hysteresis.after(i, verdict);
    hysteresis.conclude(i, verdict);
    return stands ? '!' : '-';
  }).join('');
}

describe('alerts', () => {
  test.each([
    ['DCDC', '--!!', 'two of three raise'],
    ['DCCD', '----', 'two of four do not'],
    ['DBD', '--!', 'whatever lies between'],
    ['DDCCC', '-!!!-', 'three calm windows clear'],
    ['DDCCBCCC', '-!!!!!!-', 'they must be in a row'],
    ['DDBBBBB', '-!!!!!!', 'an effect near the threshold does not clear'],
    ['DDCCDCCC', '-!!!!!!-', 'drift begins the row anew'],
    ['DDCCCD', '-!!!--', 'drift from before clearing does not count again'],
    ['DIID', '---!', 'too few rows are passed over, and do not raise'],
    ['DDCICIIC', '-!!!!!!-', 'nor clear'],
    [`DD${'I'.repeat(31)}D`, `-${'!'.repeat(30)}---`, 'but for 30 in a row, after which nobody knows'],
    ['IIII', '----', 'and begin nothing'],
  ])('%s gives %s: %s', (verdicts, alerts) => expect(alertsAfter(verdicts)).toBe(alerts));

  test('are apart for each feature', () => {
    const hysteresis = new Hysteresis();
    hysteresis.conclude(0, 'DC');
    hysteresis.conclude(1, 'CD');
    expect(hysteresis.after(2, 'CD')).toEqual([false, true]);
    expect(hysteresis.after(2, 'DC')).toEqual([true, false]);
    // Looking changes nothing.
    expect(hysteresis.after(2, 'CC')).toEqual([false, false]);
  });

  test('a verdict that is changed, or comes late, changes those after it', () => {
    const hysteresis = new Hysteresis();
    for (const [start, verdict] of [...'CDCCCC'].entries()) hysteresis.conclude(10 * start, verdict);
    const outlooks = (): string[] => [0, 10, 20, 30, 40, 50].map((start) => hysteresis.outlook(start, 1));
    const calm = outlooks();
    hysteresis.conclude(0, 'D');
    expect(outlooks().map((outlook, i) => outlook !== calm[i])).toEqual([false, true, true, true, true, false]);
    expect(hysteresis.after(30, 'C')).toEqual([true]);
    hysteresis.conclude(0, 'C');
    expect(outlooks()).toEqual(calm);
    hysteresis.conclude(15, 'D');
    expect(hysteresis.after(20, 'C')).toEqual([true]);
  });

  test('go on from what was saved, and from the last window that was forgotten', () => {
    const one = new Hysteresis();
    for (const [start, verdict] of [...'DDCBCIC'].entries()) one.conclude(start, verdict);
    one.forgetBefore(7);
    expect(one.save()).toEqual([[6, 'C', ['!BCC0']]]);
    const other = new Hysteresis();
    other.restore(JSON.parse(JSON.stringify(one.save())));
    expect(other.after(7, 'C')).toEqual([false]);
    expect(other.after(7, 'B')).toEqual([true]);
    one.forgetBefore(Number.POSITIVE_INFINITY);
    expect(one.save()).toEqual(other.save());
  });
});
