import { pino } from 'pino';
import { WeirError } from '../core/errors.ts';
import type { Logger } from '../core/ports.ts';

/** Least severe level that is written. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** All levels, least severe first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const satisfies readonly LogLevel[];

/** Where lines go; by default standard error. */
export interface LogTarget {
  write(line: string): void;
}

/** What a logger is made of. */
export interface LoggerOptions {
  readonly level: LogLevel;
  /** Pipeline name, in each line as `name`. */
  readonly name: string;
  /** Further fields of each line, such as the worker's number. */
  readonly bindings?: object;
  readonly target?: LogTarget;
}

const SECRETS = ['password', 'username', 'sasl', 'authorization', 'secret', 'token'];

/**
 * A logger that writes one JSON object a line to standard error: `time` (ISO 8601), `level`, `name`, `msg` and the
 * fields given. Passwords are replaced by `[redacted]` at the top and one level down, credentials inside a `url` are cut out.
 */
export function createLogger({ level, name, bindings, target }: LoggerOptions): Logger {
  const options = {
    level,
    base: { name, pid: process.pid, ...bindings },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRETS.flatMap((key) => [key, `*.${key}`]), censor: '[redacted]' },
    serializers: { url: urlWithoutCredentials, error: fieldsOfError, err: fieldsOfError, cause: fieldsOfError },
  };
  // Synchronous: log lines are rare (never per record), and the last one before an exit is the one that matters.
  const log = pino(options, target ?? pino.destination({ dest: 2, sync: true }));
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
  };

  function fieldsOfError(thrown: unknown): object | string {
    if (!(thrown instanceof Error)) return String(thrown);
    return {
      ...(thrown instanceof WeirError ? { code: thrown.code, kind: thrown.kind, action: thrown.action } : { name: thrown.name }),
      message: thrown.message,
      ...(level === 'debug' ? { stack: thrown.stack } : {}),
      ...(thrown.cause === undefined ? {} : { cause: fieldsOfError(thrown.cause) }),
    };
  }
}

/** `redis://user:secret@host` → `redis://host`; what is no URL stays as it is. */
export function urlWithoutCredentials(url: unknown): string {
  return String(url).replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1');
}
