import { type ErrorKind, ERROR_TABLE } from '../../src/core/errors.ts';
import { cell, code, GENERATED, markdownTable } from './markdown.ts';

const KINDS: Record<ErrorKind, { title: string; text: string }> = {
  record: {
    title: 'Record errors',
    text: 'The record is at fault. It becomes a dead letter (header `weir.error.code`) and the rest of its micro-batch goes on. Counted in `weir_dead_letters_total{code}`.',
  },
  retriable: {
    title: 'Retriable errors',
    text: 'Nobody is at fault. The micro-batch waits with back-off while partitions are paused; nothing is lost. Counted in `weir_retries_total{step,code}`.',
  },
  fatal: {
    title: 'Fatal errors',
    text: 'Somebody must act. The worker stops with exit code 1 (2 for `config_invalid`) and says on standard error what to do.',
  },
};

/** `docs/reference/errors.md`: every code of the error table. */
export function errorsPage(): string {
  const entries = Object.entries(ERROR_TABLE);
  const parts = (Object.keys(KINDS) as ErrorKind[]).flatMap((kind) => [
    `## ${KINDS[kind].title}`,
    '',
    KINDS[kind].text,
    '',
    markdownTable(
      ['Code', 'Stage', 'What happened', 'What to do'],
      entries
        .filter(([, entry]) => entry.kind === kind)
        .map(([key, { stage, title, action }]) => [code(key), stage, cell(title), cell(action)]),
    ),
    '',
  ]);
  return [
    GENERATED,
    '# Errors',
    '',
    'Every error of weir has a code of this table, in logs, metrics and headers of dead letters alike.',
    '',
    ...parts,
  ].join('\n');
}
