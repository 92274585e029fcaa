import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Account, account, type Expectation, type Input, type Output } from '../../chaos/checker.ts';

const TOPIC = 'events';

/** Inputs of two partitions, three keys each; the score is the offset. */
function someInputs(count: number): Input[] {
  return Array.from({ length: count }, (_, i) => {
    const offset = i >> 1;
    return { partition: i & 1, offset, key: `k${i & 1}-${offset % 3}`, value: `v${i}`, timestampMs: i, sequence: i };
  });
}

function predictionOf({ partition, offset, key }: Input, change: Partial<Output> = {}): Output {
  const source = { sourceTopic: TOPIC, sourcePartition: partition, sourceOffset: offset };
  return { kind: 'prediction', partition, offset, key, ...source, id: `${TOPIC}-${partition}-${offset}`, score: offset, ...change };
}

function letterOf({ partition, offset, key, value }: Input, code: string): Output {
  const source = { sourceTopic: TOPIC, sourcePartition: partition, sourceOffset: offset };
  return { kind: 'dead-letter', partition, offset, key, value, code, ...source };
}

function check(inputs: readonly Input[], outputs: readonly Output[], expected: (input: Input) => Expectation = whole): Account {
  return account(inputs, outputs, { topic: TOPIC, expect: expected });
}

const whole = (input: Input): Expectation => ({ score: input.offset });
const clean = { lost: 0, duplicated: 0, reordered: 0, wrong: 0 };

describe('the account of a chaos run', () => {
  const inputs = someInputs(20);
  const outputs = inputs.map((input) => predictionOf(input));

  it('finds nothing where everything is there once and in order', () => {
    expect(check(inputs, outputs)).toMatchObject({ inputs: 20, ...clean, examples: [] });
  });

  it('finds what is lost', () => {
    expect(check(inputs, outputs.slice(0, -3))).toMatchObject({ ...clean, lost: 3 });
    expect(check(inputs, outputs.slice(0, -3), () => ({ score: 0, isOptional: true })).lost).toBe(0);
  });

  it('counts every record after the first of an input, and takes no offence at an equal one', () => {
    expect(check(inputs, [...outputs, outputs[3]!, outputs[3]!])).toMatchObject({ ...clean, duplicated: 2 });
  });

  it('finds a repeat that differs from the first', () => {
    const other = predictionOf(inputs[3]!, { score: 99 });
    expect(check(inputs, [...outputs, other])).toMatchObject({ ...clean, duplicated: 1, wrong: 1 });
    const both = (input: Input): Expectation => ({ score: input.offset, deadLetterCodes: ['decode_failed'] });
    expect(check(inputs, [...outputs, letterOf(inputs[3]!, 'decode_failed')], both)).toMatchObject({ duplicated: 1, wrong: 1 });
  });

  it('finds records of a key in another order than their inputs, and leaves other keys alone', () => {
    const [first, , second, , , , sameKey] = outputs as [Output, Output, Output, Output, Output, Output, Output];
    expect(first.key).toBe(sameKey.key);
    expect(check(inputs, [sameKey, ...outputs.filter((output) => output !== sameKey)])).toMatchObject({ ...clean, reordered: 1 });
    expect(check(inputs, [second, ...outputs.filter((output) => output !== second)])).toMatchObject(clean);
  });

  it('does not call a replay after a crash reordered', () => {
    expect(check(inputs, [...outputs.slice(0, 10), ...outputs.slice(2)])).toMatchObject({ ...clean, duplicated: 8 });
  });

  it.each<[string, Partial<Output>]>([
    ['score', { score: 0.5 }],
    ['score that is not a number', { score: Number.NaN }],
    ['id', { id: 'events-0-7' }],
    ['key', { key: 'other' }],
    ['partition', { partition: 1 }],
    ['input that is not there', { sourceOffset: 1_000 }],
    ['topic', { sourceTopic: 'others' }],
    ['degraded prediction', { isDegraded: true }],
  ])('finds a wrong %s', (_, change) => {
    const wrong = [predictionOf(inputs[0]!, change), ...outputs.slice(1)];
    expect(check(inputs, wrong).wrong).toBe(1);
  });

  it('takes a degraded prediction where there may be one, with the score of stand-ins', () => {
    const degraded = (input: Input): Expectation => ({ score: input.offset, degradedScore: -1 });
    const good = [predictionOf(inputs[0]!, { isDegraded: true, score: -1 }), ...outputs.slice(1)];
    expect(check(inputs, good, degraded)).toMatchObject(clean);
    const bad = [predictionOf(inputs[0]!, { isDegraded: true, score: 0 }), ...outputs.slice(1)];
    expect(check(inputs, bad, degraded).wrong).toBe(1);
  });

  it('takes a dead letter only where there may be one, with a code that is meant and the bytes of its input', () => {
    const poison = (input: Input): Expectation => (input.sequence === 0 ? { deadLetterCodes: ['decode_failed'] } : whole(input));
    const rest = outputs.slice(1);
    expect(check(inputs, [letterOf(inputs[0]!, 'decode_failed'), ...rest], poison)).toMatchObject(clean);
    expect(check(inputs, [letterOf(inputs[0]!, 'out_of_range'), ...rest], poison).wrong).toBe(1);
    expect(check(inputs, [{ ...letterOf(inputs[0]!, 'decode_failed'), value: 'other' }, ...rest], poison).wrong).toBe(1);
    expect(check(inputs, [predictionOf(inputs[0]!), ...rest], poison).wrong).toBe(1);
    expect(check(inputs, [letterOf(inputs[0]!, 'decode_failed'), ...rest]).wrong).toBe(1);
  });

  it('adds up: what is dropped is lost, what is repeated is duplicated, whatever the mixture', () => {
    const fates = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 20, maxLength: 20 });
    fc.assert(
      fc.property(fates, (times) => {
        const mixed = outputs.flatMap((output, i) => Array.from({ length: times[i]! }, () => output));
        const lost = times.filter((time) => time === 0).length;
        const duplicated = times.reduce((sum, time) => sum + Math.max(0, time - 1), 0);
        expect(check(inputs, mixed)).toMatchObject({ lost, duplicated, reordered: 0, wrong: 0 });
      }),
    );
  });

  it('gives a few examples of each, with coordinates', () => {
    const { examples } = check(inputs, outputs.slice(10));
    expect(examples.length).toBe(4);
    expect(examples[0]).toBe('lost: events-0@0 has neither prediction nor dead letter');
  });
});
