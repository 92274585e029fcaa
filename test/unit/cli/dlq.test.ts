import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import type { DeadLetter } from '../../../src/app/dlq-letter.ts';
import type { RedriveVerdict } from '../../../src/app/dlq-plan.ts';
import { moment } from '../../../src/cli/options.ts';
import { letterObject, listLines } from '../../../src/cli/dlq-ls.ts';
import { planLines } from '../../../src/cli/dlq-redrive.ts';
import { showLines } from '../../../src/cli/dlq-show.ts';
import { bytesText, cut, hexDump, safeText } from '../../../src/cli/text.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { plain } from '../../../src/cli/terminal.ts';
import { recordingTerminal } from './terminal-fixture.ts';

const LETTER: DeadLetter = {
  ...{ partition: 0, offset: 12, timestampMs: 1_700_000_000_000, code: 'schema_unknown', stage: 'decode', message: 'id 7\u001b[31m' },
  source: { topic: 'in', partition: 3, offset: 41, timestampMs: 55 },
  ...{ schemaId: '7', modelVersion: '1', worker: 'w', attempt: 1, key: Buffer.from('k'), value: Buffer.from('80d0acf30e', 'hex') },
  omittedBytes: undefined,
  headers: [
    { key: 'h', value: Buffer.from([0xff]), bytes: Buffer.alloc(0) },
    { key: 'n', value: null, bytes: Buffer.alloc(0) },
  ],
  rawHeaders: undefined,
};

describe('moment', () => {
  it('takes ISO 8601 and how long ago', () => {
    expect(moment('2026-03-01T12:00:00Z')).toBe(Date.UTC(2026, 2, 1, 12));
    expect(moment('2026-03-01T12:00:00+02:00')).toBe(Date.UTC(2026, 2, 1, 10));
    expect(moment('2026-03-01')).toBe(Date.UTC(2026, 2, 1));
    const before = Date.now();
    expect(moment('2h')).toBeGreaterThanOrEqual(before - 7_200_000);
    expect(moment('2h')).toBeLessThanOrEqual(Date.now() - 7_200_000);
  });

  it.each(['2', 'yesterday', '', '2026-13-01', '-2h', 'March 1 2026'])('refuses %j', (text) => {
    expect(() => moment(text)).toThrow(InvalidArgumentError);
  });
});

describe('texts', () => {
  it('never hand a control character of a record to the terminal', () => {
    expect(safeText('a\u001b[31mb\n\u202ec\u0000')).toBe('a\\x1b[31mb\\x0a\\u{202e}c\\x00');
    expect(bytesText(Buffer.from('flight-é'))).toBe('flight-é');
    expect(bytesText(Buffer.from('a\u001b'))).toBe('0x611b');
    expect(bytesText(Buffer.from([0xc3, 0x28]))).toBe('0xc328');
    expect(bytesText(Buffer.alloc(9, 0xff), 4)).toBe('0xffffffff…');
    expect(cut('abcdef', 4)).toBe('abc…');
  });

  it('dump bytes as xxd and hexdump do', () => {
    expect(hexDump(Buffer.from('0123456789abcdef\u0001'))).toEqual([
      '00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|',
      '00000010  01                                                |.|',
    ]);
    expect(hexDump(Buffer.alloc(0))).toEqual([]);
  });
});

describe('listLines', () => {
  const list = {
    topic: 'dead',
    codes: [{ code: 'schema_unknown', stage: 'decode', letters: 1_200, redriven: 3, firstMs: 0, lastMs: 1_000 }],
  };
  it('prints a table and a summary, cut to the width of the terminal', () => {
    const lines = [{ timestampMs: 0, cells: ['t', '0:1', 'schema_unknown', 'decode', '3:41', '7', 'k', '0', '-', 'a long message'] }];
    expect(listLines(list, lines, plain, 60)).toEqual([
      'TIME  WHERE  CODE            STAGE   SOURCE  SCHEMA  KEY  A…',
      't     0:1    schema_unknown  decode  3:41    7       k    0…',
      '',
      '1,200 dead letters in dead, 1 shown:',
      'CODE            STAGE   DEAD LETTERS  REDRIVEN  FIRST                     LAST',
      'schema_unknown  decode  1,200         3         1970-01-01T00:00:00.000Z  1970-01-01T00:00:01.000Z',
    ]);
    expect(listLines(list, lines, plain)[1]).toContain('a long message');
    expect(listLines({ topic: 'dead', codes: [] }, [], plain)).toEqual(['✓ No dead letters in dead that fit.']);
  });

  it('gives objects for other tools, without losing bytes that are no text', () => {
    expect(letterObject({ letter: LETTER, isRedriven: true })).toMatchObject({
      ...{ code: 'schema_unknown', time: '2023-11-14T22:13:20.000Z', isRedriven: true, key: 'k', valueBytes: 5 },
      headers: [
        { key: 'h', value: { base64: '/w==' } },
        { key: 'n', value: null },
      ],
    });
  });
});

describe('showLines', () => {
  it('says what happened, what to do, and the bytes', () => {
    const text = showLines('dead', { letter: LETTER, isRedriven: false }, 3, plain).join('\n');
    expect(text).toContain('Dead letter dead 0:12, 2023-11-14T22:13:20.000Z');
    expect(text).toContain('code           schema_unknown (decode)');
    expect(text).toContain('what to do     Register the schema, or find the producer that made up the id.');
    expect(text).toContain('message        id 7\\x1b[31m');
    expect(text).toContain('  h  0xff\n  n  null');
    expect(text).toContain('00000000  80 d0 ac                                          |...|\n  … 2 more bytes');
  });

  it('knows letters without value, of other versions, and with headers that are none', () => {
    const show = (more: Partial<DeadLetter>): string =>
      showLines('d', { letter: { ...LETTER, ...more }, isRedriven: true }, 9, plain).join('\n');
    expect(show({ value: null })).toContain('Value: none (tombstone)');
    expect(show({ value: null, omittedBytes: 5_000 })).toContain(
      '5,000 bytes, too large for the dead-letter topic; look for it in in at 3:41',
    );
    expect(show({ code: 'from_the_future' })).toContain('a code that this version of weir does not know');
    expect(show({ headers: [], rawHeaders: Buffer.from([1, 2]) })).toContain('Headers: 2 bytes that are not headers');
    expect(show({ headers: [] })).toContain('Headers: none');
  });
});

describe('planLines', () => {
  it('counts by code and says why some are left alone', () => {
    const counts = new Map<string, ReadonlyMap<RedriveVerdict, number>>([
      [
        'schema_unknown',
        new Map([
          ['redrive', 10],
          ['over-limit', 5],
          ['already', 2],
        ] as const),
      ],
      [
        'tombstone',
        new Map([
          ['exhausted', 1],
          ['already', 1],
        ] as const),
      ],
    ]);
    expect(planLines({ counts, chosen: new Map(), total: 10 }, 1, plain)).toEqual([
      'CODE            DEAD LETTERS  REDRIVE  LATER  LEFT ALONE',
      'schema_unknown  17            10       5      2',
      'tombstone       2             0        0      2',
      '! 3 have been redriven before (--again redrives them once more)',
      '! 1 have failed again after 1 redrive or more and are left alone (--max-attempts)',
    ]);
    expect(planLines({ counts: new Map(), chosen: new Map(), total: 0 }, 1, plain)).toEqual(['No dead letter fits.']);
  });
});

describe('usage errors', () => {
  it.each([
    [['dlq', 'ls', '--code', 'schema_unknow'], /Allowed choices are [^]*schema_unknown/],
    [['dlq', 'ls', '--since', 'soon'], /must be a time such as/],
    [['dlq', 'ls', '--partition', 'x'], /must be the number of a partition/],
    [['dlq', 'redrive', '--max-attempts', '0'], /whole number of at least 1/],
    [['dlq', 'show'], /missing required argument 'partition:offset'/],
    [['dlq', 'show', 'twelve'], /twelve is not a place/],
  ])('%j ends with 2', async (args, message) => {
    const terminal = recordingTerminal();
    expect(await runProgram(args, terminal)).toBe(2);
    expect(terminal.stderr.join('\n')).toMatch(message);
  });
});
