import { describe, expect, it } from 'vitest';
import { canonicalForm, fingerprint64, parseAvroSchema } from '../../../../src/avro/plan/index.ts';

describe('parseAvroSchema', () => {
  it('resolves names by namespace, then without', () => {
    const schema = parseAvroSchema({
      type: 'record',
      name: 'R',
      namespace: 'a.b',
      fields: [
        { name: 'e', type: { type: 'enum', name: 'E', symbols: ['X'] } },
        { name: 'f', type: { type: 'fixed', name: 'c.F', size: 2 } },
        { name: 'again', type: ['null', 'E', 'c.F', 'a.b.R'] },
      ],
    });
    expect(canonicalForm(schema)).toBe(
      '{"name":"a.b.R","type":"record","fields":[{"name":"e","type":{"name":"a.b.E","type":"enum","symbols":["X"]}},{"name":"f","type":{"name":"c.F","type":"fixed","size":2}},{"name":"again","type":["null","a.b.E","c.F","a.b.R"]}]}',
    );
  });

  it('reads references, also those that need one another or are filed under another name', () => {
    const references = new Map<string, unknown>([
      ['n.Outer', { type: 'record', name: 'n.Outer', fields: [{ name: 'inner', type: 'n.Inner' }] }],
      ['some-file.avsc', { type: 'record', name: 'n.Inner', fields: [{ name: 'x', type: 'int' }] }],
    ]);
    const schema = parseAvroSchema({ type: 'record', name: 'n.Top', fields: [{ name: 'o', type: 'Outer' }] }, references);
    expect(canonicalForm(schema)).toContain('"name":"n.Inner"');
    expect(() => parseAvroSchema('n.Missing', references)).toThrow(/n\.Missing, which neither it nor its references define/);
  });

  it('keeps logical types, aliases with namespace, defaults, and a name spelt out twice in the same words', () => {
    const decimal = { type: 'fixed', name: 'D', size: 4, logicalType: 'decimal', precision: 8, scale: 2 };
    const schema = parseAvroSchema({
      type: 'record',
      name: 'n.R',
      aliases: ['Old', 'm.Older'],
      fields: [
        { name: 'a', type: decimal, default: '\u0000\u0000\u0000\u0001' },
        { name: 'b', type: decimal },
        { name: 'c', type: ['null', 'int'], default: null, aliases: ['cc'] },
      ],
    });
    expect(schema).toMatchObject({
      aliases: ['n.Old', 'm.Older'],
      fields: [
        { schema: { name: 'n.D', logicalType: 'decimal', scale: 2 }, hasDefault: true },
        { hasDefault: false },
        { hasDefault: true, default: null, aliases: ['cc'] },
      ],
    });
  });

  it.each([
    ['no schema', 7, /not an Avro schema/],
    ['an unknown type', 'integer', /type integer/],
    ['no type', {}, /no "type"/],
    ['no items', { type: 'array' }, /no "items"/],
    ['no fields', { type: 'record', name: 'R' }, /has no fields/],
    [
      'a field twice',
      {
        type: 'record',
        name: 'R',
        fields: [
          { name: 'a', type: 'int' },
          { name: 'a', type: 'int' },
        ],
      },
      /two fields called a/,
    ],
    ['an illegal name', { type: 'record', name: '1R', fields: [] }, /not a legal Avro name/],
    [
      'a type twice, differently',
      [
        { type: 'fixed', name: 'F', size: 1 },
        { type: 'array', items: { type: 'fixed', name: 'F', size: 2 } },
      ],
      /defines F twice/,
    ],
    ['a union in a union', ['null', ['int']], /another union/],
    ['a branch twice', ['int', 'int'], /holds int twice/],
    ['an enum default that is no symbol', { type: 'enum', name: 'E', symbols: ['A'], default: 'B' }, /default of enum E/],
    ['a symbol twice', { type: 'enum', name: 'E', symbols: ['A', 'A'] }, /a symbol twice/],
    ['a size that is none', { type: 'fixed', name: 'F', size: -1 }, /no usable size/],
  ])('refuses %s', (_, json, message) => {
    expect(() => parseAvroSchema(json)).toThrow(message);
    expect(() => parseAvroSchema(json)).toThrow(expect.objectContaining({ code: 'schema_invalid' }));
  });
});

describe('fingerprint64', () => {
  // Vectors of Avro's own test suite (share/test/data/schema-tests.txt), as signed numbers there.
  it.each([
    ['null', 7195948357588979594n],
    ['boolean', -6970731678124411036n],
    ['int', 8247732601305521295n],
    ['string', -8142146995180207161n],
    [[], -1241056759729112623n],
    [{ type: 'fixed', name: 'foo', size: 15 }, 1756455273707447556n],
    [{ type: 'record', name: 'foo', fields: [] }, -4824392279771201922n],
  ] as const)('of %j', (json, expected) => {
    expect(fingerprint64(parseAvroSchema(json)).readBigInt64LE()).toBe(expected);
  });
});
