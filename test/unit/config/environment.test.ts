import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expandEnvironment, scalarOf } from '../../../src/config/environment.ts';

const expand = (data: unknown, env: Record<string, string> = {}) => expandEnvironment(data, env);

describe('expandEnvironment', () => {
  it('replaces references wherever strings are', () => {
    const { data, problems } = expand({ a: 'x-${A}-${B:-b}', list: ['${A}', 1], deep: { c: '${A}' }, n: 3 }, { A: 'one' });
    expect(data).toEqual({ a: 'x-one-b', list: ['one', 1], deep: { c: 'one' }, n: 3 });
    expect(problems).toEqual([]);
  });

  it('falls back when a variable is unset or empty, as sh does', () => {
    expect(expand({ a: '${A:-d}' }, { A: '' }).data).toEqual({ a: 'd' });
    expect(expand({ a: 'x${A}' }, { A: '' }).data).toEqual({ a: 'x' });
  });

  it('leaves a map entry out when its whole value becomes empty, and only then', () => {
    expect(expand({ a: '${A:-}', b: '', c: 'x' }).data).toEqual({ b: '', c: 'x' });
  });

  it('says which variable is missing, and where', () => {
    const { problems, data } = expand({ a: { b: ['${NOPE}'] } });
    expect(problems).toEqual([{ path: ['a', 'b', 0], message: 'environment variable NOPE is not set; set it, or write ${NOPE:-default}' }]);
    expect(data).toEqual({ a: { b: ['${NOPE}'] } });
  });

  it.each(['${}', '${1A}', '${a-b}', '${A:b}'])('refuses %s as a reference', (text) => {
    expect(expand({ a: text }, { A: 'x' }).problems[0]?.message).toContain('is not a reference to an environment variable');
  });

  it('has an escape', () => {
    expect(expand({ a: '$${A} ${A}' }, { A: 'x' }).data).toEqual({ a: '${A} x' });
  });

  it('never reads values as references again', () => {
    expect(expand({ a: '${A}' }, { A: '${B}', B: 'no' }).data).toEqual({ a: '${B}' });
  });

  it('leaves texts without references alone', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes('${')),
        (text) => {
          expect(expand({ text }).data).toEqual({ text });
        },
      ),
    );
  });

  it('puts any value in whole', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (value) => {
        expect(expand({ a: '<${A}>' }, { A: value }).data).toEqual({ a: `<${value}>` });
      }),
    );
  });
});

describe('scalarOf', () => {
  it('knows numbers and booleans, and nothing else', () => {
    expect(['1', '-2.5', '1e3', '.5', 'true', 'false'].map(scalarOf)).toEqual([1, -2.5, 1_000, 0.5, true, false]);
    expect(['', '0x10', '1_000', 'yes', ' 1', 'Infinity', '1.2.3'].map(scalarOf)).toEqual(Array(7).fill(undefined));
  });
});
