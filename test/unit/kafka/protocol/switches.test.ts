import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXTENSIONS, parseStock } from '../../../../src/kafka/protocol/switches.ts';

const root = new URL('../../../../', import.meta.url);

describe('parseStock', () => {
  it('takes names separated by commas, or none', () => {
    expect(parseStock(undefined)).toEqual(new Set());
    expect(parseStock(' , ')).toEqual(new Set());
    expect(parseStock('columnar-fetch, idle-timer,columnar-fetch')).toEqual(new Set(['columnar-fetch', 'idle-timer']));
  });

  it('names all extensions when one is unknown', () => {
    const names = Object.keys(EXTENSIONS).join(', ');
    expect(() => parseStock('columnar-fetch,columnar,__proto__')).toThrow(
      `WEIR_KAFKAJS_STOCK: there is no extension columnar, __proto__; name some of ${names}.`,
    );
  });

  it('says why group-hooks is not among them', () => {
    expect(() => parseStock('group-hooks')).toThrow(/cannot be switched off\.$/);
  });
});

describe('EXTENSIONS', () => {
  it('are each asked for somewhere, and documented', () => {
    const folder = new URL('src/kafka/', root);
    const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(new URL(name, folder), 'utf8'))
      .join('\n');
    const documentation = readFileSync(new URL('docs/kafkajs.md', root), 'utf8');
    for (const name of Object.keys(EXTENSIONS)) {
      expect(sources).toContain(`isStock('${name}')`);
      expect(documentation).toContain(`| \`${name}\` |`);
    }
  });
});
