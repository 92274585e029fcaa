import { describe, expect, it } from 'vitest';
import type { CheckReport } from '../../../src/app/check.ts';
import { reportLines } from '../../../src/cli/check.ts';
import { exitCodeOf, reportFailure } from '../../../src/cli/failure.ts';
import { plain, table } from '../../../src/cli/terminal.ts';
import { topicLines } from '../../../src/cli/topics-apply.ts';
import { ERROR_TABLE, type ErrorCode, WeirError } from '../../../src/core/errors.ts';
import { recordingTerminal } from './terminal-fixture.ts';

describe('reportFailure', () => {
  it('says code, message and action, with the exit code of the table', () => {
    for (const code of Object.keys(ERROR_TABLE) as ErrorCode[]) {
      const terminal = recordingTerminal();
      expect(reportFailure(new WeirError(code, 'line one\nline two'), terminal, false)).toBe(code === 'config_invalid' ? 2 : 1);
      expect(terminal.stderr).toEqual([
        `✗ ${code}: ${ERROR_TABLE[code].title}`,
        '  line one',
        '  line two',
        `  → ${ERROR_TABLE[code].action}`,
      ]);
      expect(terminal.stdout).toEqual([]);
    }
  });

  it('gives anything else the code unknown, and its causes with a trace', () => {
    const terminal = recordingTerminal();
    expect(reportFailure(new TypeError('x is not a function', { cause: new Error('deep') }), terminal, true)).toBe(1);
    expect(terminal.stderr[0]).toContain('unknown');
    expect(terminal.stderr.join('\n')).toMatch(/TypeError: x is not a function[^]*Caused by:[^]*Error: deep/);
  });

  it('knows two kinds of failure', () => {
    expect([exitCodeOf('config_invalid'), exitCodeOf('kafka_unavailable')]).toEqual([2, 1]);
  });
});

describe('table', () => {
  it('lines columns up and leaves nothing at the end of lines', () => {
    expect(
      table([
        ['A', 'LONG', 'C'],
        ['aaa', 'b', ''],
      ]),
    ).toEqual(['A    LONG  C', 'aaa  b']);
  });
});

describe('topicLines', () => {
  it('marks each topic and explains below', () => {
    const common = { config: {}, differences: [] };
    expect(
      topicLines(
        [
          { ...common, topic: 'in', role: 'input', state: 'missing', partitions: undefined },
          {
            ...common,
            topic: 'out',
            role: 'predictions',
            state: 'exists',
            partitions: 2,
            differences: ['has 2 partitions, not 4: keys move'],
          },
          { ...common, topic: 'drift', role: 'drift profiles', state: 'planned', partitions: 1, config: { 'retention.ms': '5' } },
        ],
        plain,
      ),
    ).toEqual([
      '  TOPIC  FOR             PARTITIONS    STATE             SETTINGS',
      '✗ in     input           as the input  missing',
      '! out    predictions     2             exists',
      '+ drift  drift profiles  1             would be created  retention.ms=5',
      '✗ in does not exist: create it, or say --with-input <partitions>.',
      '! out has 2 partitions, not 4: keys move.',
    ]);
  });
});

describe('reportLines', () => {
  const step = { title: 'model package', detail: 'm 1', findings: [] };
  it('ends with a verdict that counts errors and warnings', () => {
    const report: CheckReport = {
      ok: false,
      steps: [
        step,
        {
          title: 'event schema',
          detail: 'a.avsc',
          findings: [
            { severity: 'error', message: 'bad', file: 'model.yaml', line: 3, column: 5 },
            { severity: 'warning', message: 'odd' },
          ],
        },
      ],
      columns: [
        {
          schema: 'a.avsc',
          columns: [{ column: 'c', input: 'x', binding: 'event.c', required: false, kind: 'none', source: 'not written; NaN' }],
        },
      ],
    };
    expect(reportLines(report, plain)).toEqual([
      '✓ model package  m 1',
      '✗ event schema   a.avsc',
      '    ✗ model.yaml:3:5: bad',
      '    ! odd',
      '',
      'Where values come from, for events written with a.avsc:',
      '  COLUMN  BOUND TO  VALUE',
      '  c       event.c   not written; NaN',
      '',
      '✗ 1 error: the pipeline cannot run. 1 warning.',
    ]);
    expect(reportLines({ ok: true, steps: [step], columns: [] }, plain).at(-1)).toBe('✓ The pipeline can run.');
  });
});
