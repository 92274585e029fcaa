import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { launchOf } from '../../../src/dev/index.ts';

const rootFile = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

describe('how a script is started', () => {
  it('is what the first line of weir says, with the Node of this process', () => {
    const { command, options, env } = launchOf(rootFile('src/cli/main.ts'));
    expect(command).toBe(process.execPath);
    expect(options).toEqual(['--max-semi-space-size=16']);
    expect(Object.keys(env)).toEqual(['MALLOC_MMAP_THRESHOLD_', 'MALLOC_TRIM_THRESHOLD_']);
  });

  it('is the same in the image, for npm run weir, and under the contract of the peers', () => {
    const { options, env } = launchOf(rootFile('src/cli/main.ts'));
    const dockerfile = readFileSync(rootFile('Dockerfile'), 'utf8');
    const peer = readFileSync(rootFile('bench/peers/worker'), 'utf8');
    for (const [name, value] of Object.entries(env)) {
      expect(dockerfile).toContain(`${name}=${value}`);
      expect(peer).toContain(`${name}=${value}`);
    }
    for (const option of options) {
      expect(dockerfile).toContain(`ENTRYPOINT ["node", "${option}", "/app/dist/src/cli/main.js"]`);
      expect(readFileSync(rootFile('package.json'), 'utf8')).toContain(`"node ${option} src/cli/main.ts"`);
      expect(peer).toContain(option);
    }
  });

  it('refuses a script that begins otherwise', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-launch-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const script = join(folder, 'script');
    writeFileSync(script, '#!/bin/sh\n');
    expect(() => launchOf(script)).toThrow('#!/bin/sh');
  });
});
