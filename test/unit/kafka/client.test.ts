import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Logger } from '../../../src/core/ports.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { createKafka } from '../../../src/kafka/client.ts';

const CONNECTION = { brokers: ['127.0.0.1:1'], clientId: 'test', ssl: false } as const;

/** A logger that keeps what it is told. */
function recorder(): { logger: Logger; lines: { level: string; fields: object; message: string }[] } {
  const lines: { level: string; fields: object; message: string }[] = [];
  const at =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push({ level, fields, message });
  return { lines, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}

describe('createKafka', () => {
  it('logs connection trouble as warnings of ours, once an attempt, without stack traces', async () => {
    const { logger, lines } = recorder();
    const admin = createKafka(CONNECTION, logger, { retries: 0 }).admin();
    await expect(admin.connect()).rejects.toThrow('ECONNREFUSED');
    const loud = lines.filter(({ level }) => level !== 'debug');
    expect(loud.length).toBeGreaterThan(0);
    for (const { level, fields, message } of loud) {
      expect(level).toBe('warn');
      expect(message).toContain('ECONNREFUSED');
      expect(fields).toMatchObject({ module: 'kafkajs/Connection', broker: '127.0.0.1:1' });
      expect(fields).not.toHaveProperty('stack');
    }
  });

  it('reads certificates, and names the field of one that it cannot read', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-kafka-'));
    try {
      const caFile = join(import.meta.dirname, '../../fixtures/tls/cert.pem');
      expect(createKafka({ ...CONNECTION, ssl: { caFile } }, silentLogger)).toBeDefined();
      const notPem = join(folder, 'ca.pem');
      writeFileSync(notPem, 'pem');
      expect(() => createKafka({ ...CONNECTION, ssl: { caFile: notPem } }, silentLogger)).toThrow(
        /^kafka\.ssl\.caFile: .*ca\.pem holds no certificate/,
      );
      expect(() => createKafka({ ...CONNECTION, ssl: { certFile: caFile, keyFile: notPem } }, silentLogger)).toThrow(
        /^kafka\.ssl: .*cert\.pem, .*ca\.pem cannot be used: /,
      );
      expect(() => createKafka({ ...CONNECTION, ssl: { caFile, keyFile: join(folder, 'no.pem') } }, silentLogger)).toThrow(
        /^kafka\.ssl\.keyFile: cannot read .*no\.pem/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
