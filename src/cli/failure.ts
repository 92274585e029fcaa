import { type ErrorCode, ERROR_TABLE, weirErrorFrom } from '../core/errors.ts';
import type { Terminal } from './terminal.ts';

/** Exit codes of every command. */
export const EXIT_CODES = {
  ok: 0,
  /** Something failed at run time, or `weir check` found an error. */
  fatal: 1,
  /** The command line or the pipeline file is wrong: trying again changes nothing. */
  usage: 2,
} as const;

/** The exit code for an error. */
export function exitCodeOf(code: ErrorCode): number {
  return code === 'config_invalid' ? EXIT_CODES.usage : EXIT_CODES.fatal;
}

/**
 * Tells a person what went wrong and what to do, and returns the exit code. A stack trace helps only who debugs weir, so
 * it comes with --verbose or LOG_LEVEL=debug.
 */
export function reportFailure(thrown: unknown, terminal: Terminal, verbose: boolean): number {
  const error = weirErrorFrom(thrown);
  const { style } = terminal;
  const { title, action } = ERROR_TABLE[error.code];
  terminal.err(`${style.bad('✗')} ${style.bold(error.code)}: ${title}`);
  for (const line of error.message.split('\n')) terminal.err(`  ${line}`);
  terminal.err(`  ${style.dim('→')} ${action}`);
  if (verbose || terminal.env['LOG_LEVEL']?.toLowerCase() === 'debug') printTrace(error, terminal);
  return exitCodeOf(error.code);
}

function printTrace(error: Error, terminal: Terminal): void {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    terminal.err(at === error ? '' : 'Caused by:');
    terminal.err(at.stack ?? String(at));
  }
}
