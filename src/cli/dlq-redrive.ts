import type { RedrivePlan, RedriveVerdict } from '../app/dlq-plan.ts';
import { redriveDeadLetters } from '../app/dlq-redrive.ts';
import { loadPipelineFile } from '../config/index.ts';
import { createLogger } from '../ops/logger.ts';
import type { DlqFilterOptions } from './dlq.ts';
import { filterFrom } from './dlq-text.ts';
import { numberText, safeText } from './text.ts';
import { EXIT_CODES } from './failure.ts';
import { type Style, type Terminal, table } from './terminal.ts';

/** Options of `weir dlq redrive`. */
export interface DlqRedriveOptions extends DlqFilterOptions {
  readonly to?: string;
  readonly limit?: number;
  readonly maxAttempts: number;
  readonly again?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** `weir dlq redrive`: writes the records of dead letters back. @throws WeirError */
export async function dlqRedriveCommand(options: DlqRedriveOptions, terminal: Terminal): Promise<number> {
  const { config: path, topic, to, limit, maxAttempts, again = false, dryRun = false, yes = false } = options;
  const { style } = terminal;
  const config = loadPipelineFile(path, terminal.env);
  if ((to ?? config.input.topic) === (topic ?? config.output.deadLetters.topic)) {
    terminal.err(`${style.bad('✗')} The dead letters would be written to the topic they are in: name another one with --to.`);
    return EXIT_CODES.usage;
  }
  const logger = createLogger({ level: terminal.env['LOG_LEVEL'] ? config.ops.logLevel : 'error', name: config.name });
  let canAsk = true;
  const { plan, target, written, isConfirmed } = await redriveDeadLetters({
    config,
    ...(topic === undefined ? {} : { topic }),
    ...(to === undefined ? {} : { to }),
    ...(limit === undefined ? {} : { limit }),
    maxAttempts,
    again,
    dryRun,
    filter: filterFrom(options),
    logger,
    onProgress: (records) => terminal.progress(`${numberText(records)} records read`),
    onWritten: (records) => terminal.progress(`${numberText(records)} records written`),
    async confirm(planned, name) {
      for (const line of planLines(planned, maxAttempts, style)) terminal.err(line);
      if (yes) return true;
      const answer = await terminal.ask?.(`Write ${recordsText(planned.total)} to ${name}? [y/N] `);
      canAsk = answer !== undefined;
      return /^y(es)?$/i.test(answer?.trim() ?? '');
    },
  });
  if (dryRun) {
    for (const line of planLines(plan, maxAttempts, style)) terminal.out(line);
    terminal.out(`${style.good('✓')} ${recordsText(plan.total)} would be written to ${target}; nothing was written`);
    return EXIT_CODES.ok;
  }
  if (plan.total === 0) {
    for (const line of planLines(plan, maxAttempts, style)) terminal.out(line);
    terminal.out(`${style.good('✓')} There is nothing to redrive`);
    return EXIT_CODES.ok;
  }
  if (isConfirmed) {
    terminal.out(`${style.good('✓')} ${recordsText(written)} written to ${target}`);
    return EXIT_CODES.ok;
  }
  terminal.err(
    canAsk ? 'Nothing was written.' : `${style.bad('✗')} Nobody can be asked, for this is not a terminal: say --yes. Nothing was written.`,
  );
  return canAsk ? EXIT_CODES.fatal : EXIT_CODES.usage;
}

const NOTES: Record<Exclude<RedriveVerdict, 'redrive' | 'over-limit'>, (maxAttempts: number) => string> = {
  already: () => 'have been redriven before (--again redrives them once more)',
  exhausted: (maxAttempts) =>
    `have failed again after ${maxAttempts} redrive${maxAttempts === 1 ? '' : 's'} or more and are left alone (--max-attempts)`,
  'without-value': () => 'are without their value, which was too large for the dead-letter topic; weir dlq show says where the original is',
  'unreadable-headers': () => 'have headers that cannot be read, so that no attempt can be noted in them',
  'other-topic': () => 'are not of that topic: labels go back with --to <labels.topic>, and nothing else does',
  'too-large': () => 'are larger than the target topic accepts (max.message.bytes)',
};

/** What would be done, as lines of text. */
export function planLines({ counts }: RedrivePlan, maxAttempts: number, style: Style): string[] {
  if (counts.size === 0) return ['No dead letter fits.'];
  const of = (verdicts: ReadonlyMap<RedriveVerdict, number>, verdict: RedriveVerdict): number => verdicts.get(verdict) ?? 0;
  const sum = (verdicts: ReadonlyMap<RedriveVerdict, number>): number => [...verdicts.values()].reduce((a, b) => a + b, 0);
  const [heading = '', ...rows] = table([
    ['CODE', 'DEAD LETTERS', 'REDRIVE', 'LATER', 'LEFT ALONE'],
    ...[...counts].map(([code, verdicts]) => {
      const [all, now, later] = [sum(verdicts), of(verdicts, 'redrive'), of(verdicts, 'over-limit')];
      return [safeText(code), ...[all, now, later, all - now - later].map(numberText)];
    }),
  ]);
  const notes = (Object.keys(NOTES) as (keyof typeof NOTES)[]).flatMap((verdict) => {
    const count = [...counts.values()].reduce((total, verdicts) => total + of(verdicts, verdict), 0);
    return count === 0 ? [] : [`${style.warn('!')} ${numberText(count)} ${NOTES[verdict](maxAttempts)}`];
  });
  return [style.bold(heading), ...rows, ...notes];
}

function recordsText(count: number): string {
  return `${numberText(count)} record${count === 1 ? '' : 's'}`;
}
