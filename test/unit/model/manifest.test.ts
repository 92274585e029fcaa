import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../../src/model/manifest.ts';
import { formatFindings } from '../../../src/yaml/document.ts';

const GOOD = `name: m
version: "1"
inputs:
  features:
    type: float32
    columns:
      - {name: a, from: event.a, required: true, min: -1, max: 2.5}
      - {name: b, from: plane.b, default: 3, onInvalid: default}
  city:
    type: string
    columns:
      - {name: c, from: event.place.city, default: nowhere}
outputs:
  score: {output: p, index: 1}
`;

/** Findings of a text in which `from` is replaced by `to`. */
function findingsOf(from: string, to: string): string[] {
  expect(GOOD).toContain(from);
  const text = formatFindings(parseManifest(GOOD.replace(from, to), 'model.yaml').findings);
  return text === '' ? [] : text.split('\n');
}

describe('compareWith', () => {
  it('names the other place of a value, in the event or in a group', () => {
    const text = GOOD.replace('from: plane.b,', 'from: plane.b, compareWith: event.plane.b,').replace(
      'from: event.place.city,',
      'from: event.place.city, compareWith: plane.city,',
    );
    const { manifest, findings } = parseManifest(text, 'model.yaml');
    expect(findings).toEqual([]);
    expect(manifest!.inputs.flatMap(({ columns }) => columns.map(({ compareWith }) => compareWith))).toEqual([
      undefined,
      { from: 'event', path: ['plane', 'b'] },
      { from: 'group', group: 'plane', feature: 'city' },
    ]);
  });

  it.each([
    ['compareWith: plane.b', 'names the same place as from'],
    ['compareWith: plane.b.c', 'has more than one dot'],
    ['compareWith: b', 'write event.<field> or <group>.<feature>'],
    ['compareWith: event.b, drift: false', 'drift counts what compareWith compares'],
  ])('%s: %s', (key, message) => {
    const findings = findingsOf('from: plane.b,', `from: plane.b, ${key},`);
    expect(findings).toEqual([expect.stringContaining(message)]);
    expect(findings[0]).toMatch(/^model.yaml:8:/);
  });

  it('is not for lists', () => {
    expect(findingsOf('from: event.a, required: true', 'from: event.a, size: 3, compareWith: event.b, required: true')).toEqual([
      expect.stringContaining('only single values are compared'),
    ]);
  });
});

describe('parseManifest', () => {
  it('makes tensor specs in file order with defaults applied', () => {
    const { manifest, findings } = parseManifest(GOOD, 'model.yaml');
    expect(findings).toEqual([]);
    expect(manifest?.inputs).toEqual([
      {
        name: 'features',
        kind: 'float',
        columns: [
          {
            name: 'a',
            kind: 'float',
            binding: { from: 'event', path: ['a'] },
            required: true,
            min: -1,
            max: 2.5,
            onInvalid: 'dead-letter',
          },
          {
            name: 'b',
            kind: 'float',
            binding: { from: 'group', group: 'plane', feature: 'b' },
            required: false,
            default: 3,
            onInvalid: 'default',
          },
        ],
      },
      {
        name: 'city',
        kind: 'string',
        columns: [
          {
            name: 'c',
            kind: 'string',
            binding: { from: 'event', path: ['place', 'city'] },
            required: false,
            default: 'nowhere',
            onInvalid: 'dead-letter',
          },
        ],
      },
    ]);
    expect(manifest?.data).toMatchObject({ file: 'model.onnx', outputs: { score: { output: 'p', index: 1 }, extras: [] } });
  });

  it('takes lists of numbers, and what drift leaves out', () => {
    const { manifest } = parseManifest(
      GOOD.replace('max: 2.5', 'max: 2.5, size: 784').replace('default: 3', 'default: 3, drift: false'),
      'model.yaml',
    );
    expect(manifest?.inputs[0]?.columns).toMatchObject([
      { name: 'a', size: 784, min: -1, max: 2.5 },
      { name: 'b', drift: false },
    ]);
  });

  it('takes labels, extras, golden rows and a bound of rows', () => {
    const more = `  label: {threshold: 0.5, above: late, below: on-time}\n  extras: [{name: logit, output: l}]\nreference: r.json\ngolden: {file: g.json}\nmaxBatchRows: 8\n`;
    const { manifest } = parseManifest(GOOD + more, 'model.yaml');
    expect(manifest?.data).toMatchObject({
      outputs: { label: { threshold: 0.5, above: 'late', below: 'on-time' }, extras: [{ name: 'logit', output: 'l' }] },
      reference: 'r.json',
      golden: { file: 'g.json', tolerance: 1e-6 },
      maxBatchRows: 8,
    });
  });

  it.each([
    ['unknown key', 'max: 2.5', 'maxx: 2.5', /^model\.yaml:7:59: inputs\.features\.columns\[0\]: unknown key maxx; did you mean max\?$/],
    [
      'unknown key at the top',
      'version: "1"',
      'version: "1"\nversoin: 2',
      /^model\.yaml:3:1: unknown key versoin; did you mean version\?$/,
    ],
    ['version as a number', '"1"', '1', /^model\.yaml:2:10: version: expected string, received number$/],
    ['name with a slash', 'name: m', 'name: m/n', /^model\.yaml:1:7: name: use letters/],
    ['missing score', '  score: {output: p, index: 1}', '  extras: []', /^model\.yaml:\d+:1: outputs\.score is missing/],
    ['binding without a dot', 'event.a', 'depDelay', /^model\.yaml:7:25: .*write event\.<field> or <group>\.<feature>$/],
    ['group binding with two dots', 'plane.b', 'plane.b.c', /^model\.yaml:8:25: column b: plane\.b\.c has more than one dot/],
    [
      'wrong action',
      'onInvalid: default',
      'onInvalid: clam',
      /^model\.yaml:8:\d+: .*must be dead-letter or clamp or default or flag; did you mean clamp\?$/,
    ],
    ['column twice', 'name: b', 'name: a', /^model\.yaml:8:16: column a is there twice/],
    ['min above max', 'min: -1', 'min: 4', /^model\.yaml:7:\d+: column a: min 4 is above max 2\.5$/],
    ['text default of a number', 'default: 3', 'default: "3"', /column b is a number, its default a string$/],
    ['default out of range', 'default: 3', 'default: 3, max: 2', /the default 3 lies outside min and max$/],
    ['numeric default of a text', 'nowhere', '5', /column c is a string; write its default in quotes$/],
    ['range of a text', 'default: nowhere', 'max: 5', /column c is a string and has no range; remove max$/],
    ['action of a text', 'default: nowhere', 'onInvalid: flag', /is never invalid; remove onInvalid$/],
    ['clamp without bounds', 'default: 3, onInvalid: default', 'onInvalid: clamp', /column b: clamp needs min or max$/],
    ['nothing to put in place', 'max: 2.5', 'onInvalid: default', /column a is required and has no default/],
    [
      'size of a store column',
      'default: 3',
      'default: 3, size: 2',
      /^model\.yaml:8:\d+: column b: stores hold single values; a column with a size/,
    ],
    ['size of a text', 'default: nowhere', 'size: 2', /column c is a string, and lists are of numbers; remove size$/],
    ['size of nothing', 'max: 2.5', 'size: 0', /size: Too small/],
    ['file outside', 'inputs:', 'file: ../x.onnx\ninputs:', /^model\.yaml:3:7: file: must lie in the package folder$/],
    ['absolute file', 'inputs:', 'file: /x.onnx\ninputs:', /must lie in the package folder$/],
    ['short hash', 'inputs:', 'sha256: abc\ninputs:', /sha256: must be 64 hexadecimal digits$/],
    ['unsupported type', 'type: float32', 'type: float64', /must be float32 or string; did you mean float32\?$/],
    ['infinite bound', 'min: -1', 'min: -.inf', /^model\.yaml:7:/],
    ['taken extra name', 'index: 1}', 'index: 1}\n  extras: [{name: label, output: o}]', /output name label is taken/],
  ] as [string, string, string, RegExp][])('%s is an error at its place', (_, from, to, message) => {
    expect(findingsOf(from, to)).toEqual([expect.stringMatching(message)]);
    expect(parseManifest(GOOD.replace(from, to), 'model.yaml').manifest).toBeUndefined();
  });

  it('says everything at once, and keeps a manifest that has only warnings', () => {
    const both = parseManifest(GOOD.replace('min: -1', 'min: 4').replace('onInvalid: default', 'onInvalid: clamp'), 'model.yaml');
    expect(both.findings).toHaveLength(2);
    const warned = parseManifest(GOOD.replace('default: 3', 'default: 3, required: true'), 'model.yaml');
    expect(warned.findings).toEqual([expect.objectContaining({ severity: 'warning', line: 8 })]);
    expect(warned.manifest).toBeDefined();
    const indexed = parseManifest(GOOD.replace('event.a', '"event.a[0]"'), 'model.yaml');
    expect(indexed.findings).toEqual([
      expect.objectContaining({
        severity: 'warning',
        line: 7,
        message: expect.stringMatching(/a list is bound as a whole, with size$/) as string,
      }),
    ]);
  });

  it('reports syntax errors instead of throwing', () => {
    expect(parseManifest('name: [', 'model.yaml').findings[0]).toMatchObject({ severity: 'error', file: 'model.yaml' });
    expect(parseManifest('', 'model.yaml').manifest).toBeUndefined();
  });
});
