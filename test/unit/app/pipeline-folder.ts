import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Writes files into a folder that goes away with the test, and returns its path. Objects are written as JSON. */
export function pipelineFolder(files: Readonly<Record<string, string | Buffer | object>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-app-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content));
  }
  return folder;
}

/** A record schema of the given fields. */
export function recordSchema(fields: readonly object[], more: object = {}): object {
  return { type: 'record', name: 'Event', namespace: 'test', fields, ...more };
}
