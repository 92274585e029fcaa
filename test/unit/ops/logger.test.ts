import { describe, expect, it } from 'vitest';
import { WeirError } from '../../../src/core/errors.ts';
import { createLogger, type LogLevel, urlWithoutCredentials } from '../../../src/ops/logger.ts';

/** Logs one line and returns it parsed. */
function logged(fields: object, level: LogLevel = 'info'): Record<string, unknown> {
  const lines: string[] = [];
  createLogger({ level, name: 'p', bindings: { worker: 3 }, target: { write: (line) => void lines.push(line) } }).warn(fields, 'hello');
  return JSON.parse(lines[0]!) as Record<string, unknown>;
}

describe('createLogger', () => {
  it('writes one JSON object a line', () => {
    const line = logged({ rows: 5 });
    expect(line).toMatchObject({ level: 'warn', name: 'p', pid: process.pid, worker: 3, rows: 5, msg: 'hello' });
    expect(new Date(String(line['time'])).toISOString()).toBe(line['time']);
  });

  it('drops what is below its level', () => {
    const lines: string[] = [];
    const logger = createLogger({ level: 'warn', name: 'p', target: { write: (line) => void lines.push(line) } });
    logger.debug({}, 'a');
    logger.info({}, 'b');
    logger.warn({}, 'c');
    logger.error({}, 'd');
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['c', 'd']);
  });

  it('hides secrets', () => {
    const line = logged({
      password: 'hunter2',
      sasl: { password: 'hunter2' },
      store: { password: 'hunter2' },
      url: 'redis://u:hunter2@h:1/0',
    });
    expect(JSON.stringify(line)).not.toContain('hunter2');
    expect(line['url']).toBe('redis://h:1/0');
  });

  it('writes errors as code, message and action, with causes; the trace only at debug', () => {
    const error = new WeirError('store_unavailable', 'main does not answer', { cause: new Error('ECONNREFUSED') });
    expect(logged({ error })['error']).toEqual({
      code: 'store_unavailable',
      kind: 'retriable',
      action: 'Wait; check the store if it lasts.',
      message: 'main does not answer',
      cause: { name: 'Error', message: 'ECONNREFUSED' },
    });
    expect(logged({ error }, 'debug')['error']).toHaveProperty('stack');
    expect(logged({ error: 'text' })['error']).toBe('text');
  });
});

describe('urlWithoutCredentials', () => {
  it('leaves everything else alone', () => {
    expect(urlWithoutCredentials('rediss://:pw@h:6379/1?x=a@b')).toBe('rediss://h:6379/1?x=a@b');
    expect(urlWithoutCredentials('http://h/a@b')).toBe('http://h/a@b');
    expect(urlWithoutCredentials('/livez')).toBe('/livez');
  });
});
