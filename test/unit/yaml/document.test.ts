import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { closest, editDistance } from '../../../src/yaml/closest.ts';
import { findingsFromZod, formatFindings, formatPath, loadYaml } from '../../../src/yaml/document.ts';

const Store = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('redis'), url: z.string(), deadlineMs: z.number().default(250) }),
  z.strictObject({ kind: z.literal('memory'), file: z.string().optional() }),
]);
const Schema = z.strictObject({
  name: z.string(),
  batch: z.strictObject({ maxRows: z.number().int().min(1), maxDelayMs: z.number() }).prefault({ maxRows: 1, maxDelayMs: 1 }),
  stores: z.record(z.string(), Store).optional(),
  list: z.array(z.strictObject({ min: z.number().optional() })).optional(),
  ssl: z.union([z.boolean(), z.strictObject({ caFile: z.string() })]).optional(),
  mode: z.enum(['earliest', 'latest']).optional(),
});

function check(text: string): string[] {
  const doc = loadYaml(text, 'weir.yaml');
  if (doc.data === undefined) return formatFindings(doc.findings).split('\n');
  const parsed = Schema.safeParse(doc.data);
  return parsed.success ? [] : formatFindings(findingsFromZod(parsed.error, doc, Schema)).split('\n');
}

describe('loadYaml', () => {
  it('locates keys, values, list items and ancestors of what is missing', () => {
    const doc = loadYaml('a: 1\nb:\n  c: [x, {d: 2}]\n  e: text\n', 'f.yaml');
    expect(doc.data).toEqual({ a: 1, b: { c: ['x', { d: 2 }], e: 'text' } });
    expect(doc.locate(['a'])).toEqual({ line: 1, column: 4 });
    expect(doc.locate(['a'], 'key')).toEqual({ line: 1, column: 1 });
    expect(doc.locate(['b'])).toEqual({ line: 2, column: 1 });
    expect(doc.locate(['b', 'c', 0])).toEqual({ line: 3, column: 7 });
    expect(doc.locate(['b', 'c', 1, 'd'])).toEqual({ line: 3, column: 14 });
    expect(doc.locate(['b', 'nothing', 'deeper'])).toEqual({ line: 2, column: 1 });
    expect(doc.locate([])).toEqual({ line: 1, column: 1 });
    expect(doc.has(['b', 'e'])).toBe(true);
    expect(doc.has(['b', 'f'])).toBe(false);
  });

  it('turns syntax errors, repeated keys and unresolved aliases into findings', () => {
    expect(check('name: a\nname: b\n')).toEqual([expect.stringMatching(/^weir\.yaml:2:1: .*unique/)]);
    expect(check('name: [a\n')[0]).toMatch(/^weir\.yaml:\d+:\d+: /);
    expect(check('name: *nobody\n')[0]).toMatch(/nobody/);
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const doc = loadYaml(text, 'x');
        const { line, column } = doc.locate(['a', 0, 'b']);
        return line >= 1 && column >= 1 && (doc.data !== undefined || doc.findings.length > 0 || text.trim() !== '?');
      }),
      { numRuns: 300 },
    );
  });
});

describe('findingsFromZod', () => {
  it('says nothing of a good document', () => {
    expect(check('name: a\nssl: {caFile: x}\nmode: latest\nstores: {main: {kind: redis, url: u}}\n')).toEqual([]);
  });

  it('names unknown keys at their place with the nearest known key', () => {
    expect(check('name: a\nbatch:\n  maxRow: 5\n  maxRows: 5\n  maxDelayMs: 1\n')).toEqual([
      'weir.yaml:3:3: batch: unknown key maxRow; did you mean maxRows?',
    ]);
    expect(check('nam: a\nname: b\nzzz: 1\n')).toEqual([
      'weir.yaml:1:1: unknown key nam; did you mean name?',
      'weir.yaml:3:1: unknown key zzz; known keys: name, batch, stores, list, ssl, mode',
    ]);
  });

  it('looks through records, lists and unions', () => {
    expect(check('name: a\nstores:\n  main: {kind: redis, url: u, deadlineM: 3}\n')).toEqual([
      'weir.yaml:3:31: stores.main: unknown key deadlineM; did you mean deadlineMs?',
    ]);
    expect(check('name: a\nlist:\n  - {mim: 1}\n')).toEqual(['weir.yaml:3:6: list[0]: unknown key mim; did you mean min?']);
    expect(check('name: a\nssl: {caFil: x, caFile: y}\n')).toEqual(['weir.yaml:2:7: ssl: unknown key caFil; did you mean caFile?']);
  });

  it('says what is missing, at the parent', () => {
    expect(check('batch:\n  maxRows: 5\n')).toEqual([
      'weir.yaml:1:1: name is missing (a string)',
      'weir.yaml:1:1: batch.maxDelayMs is missing (a number)',
    ]);
  });

  it('lists what is allowed, and the nearest of it', () => {
    expect(check('name: a\nmode: earlyest\n')).toEqual(['weir.yaml:2:7: mode: must be earliest or latest; did you mean earliest?']);
  });

  it('points at values of the wrong type or size', () => {
    expect(check('name: 3\nbatch: {maxRows: 0, maxDelayMs: 1}\n')).toEqual([
      'weir.yaml:1:7: name: expected string, received number',
      expect.stringMatching(/^weir\.yaml:2:18: batch\.maxRows: .*>=1/),
    ]);
  });

  it('formats paths and findings without a place', () => {
    expect(formatPath(['a', 0, 'b', 'c', 2])).toBe('a[0].b.c[2]');
    expect(formatFindings([{ severity: 'warning', message: 'm' }])).toBe('warning: m');
  });
});

describe('closest', () => {
  it.each([
    ['maxrows', 'maxRows'],
    ['max_rows', 'maxRows'],
    ['mxaRows', 'maxRows'],
    ['completely', undefined],
  ])('%s → %s', (name, expected) => {
    expect(closest(name, ['maxRows', 'maxBytes', 'eager'])).toBe(expected);
  });

  it('is a distance: zero only for equals, symmetric', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
      }),
    );
  });
});
