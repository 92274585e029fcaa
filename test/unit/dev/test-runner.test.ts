import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const root = new URL('../../../', import.meta.url);

/** A project with the test script and tests of its own. */
let project: string;
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'weir-test-runner-test-'));
  await mkdir(join(project, 'scripts'));
  await copyFile(new URL('scripts/test.ts', root), join(project, 'scripts', 'test.ts'));
  await writeFile(join(project, 'package.json'), '{"type":"module"}');
  await symlink(new URL('node_modules', root), join(project, 'node_modules'));
});
afterEach(() => rm(project, { recursive: true, force: true }));

async function runTests(
  files: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<{ code: number; lastLine: string }> {
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(project, name), `import { beforeAll, describe, expect, test } from 'vitest';\n${content}\n`);
  }
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST')));
  return await new Promise((resolve) => {
    execFile(process.execPath, ['scripts/test.ts', ...args], { cwd: project, env }, (error, stdout) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, lastLine: stdout.trimEnd().split('\n').at(-1) ?? '' });
    });
  });
}

const good = `test('good', () => { expect(1).toBe(1); });`;

test('all passed', async () => {
  expect(await runTests({ 'a.test.ts': good + good.replace('good', 'better') })).toEqual({ code: 0, lastLine: '2 passed, 0 failed' });
});

test('arguments choose the files', async () => {
  const result = await runTests({ 'a.test.ts': good, 'b.test.ts': `test('bad', () => { expect(1).toBe(2); });` }, ['a.test']);
  expect(result).toEqual({ code: 0, lastLine: '1 passed, 0 failed' });
});

test('each way to go wrong counts as one failure', async () => {
  const files = {
    'good.test.ts': good,
    'failing.test.ts': `test('bad', () => { expect(1).toBe(2); });`,
    'broken.test.ts': `import './nowhere.ts';`,
    'empty.test.ts': '',
    'hook.test.ts': `describe('s', () => { beforeAll(() => { throw new Error('hook'); }); test('never', () => {}); });`,
  };
  expect(await runTests(files)).toEqual({ code: 1, lastLine: '1 passed, 4 failed' });
});

test('an error outside of any test counts as a failure', async () => {
  const late = `test('late', async () => { void Promise.reject(new Error('on purpose')); await new Promise((r) => setTimeout(r, 50)); });`;
  expect(await runTests({ 'a.test.ts': late })).toEqual({ code: 1, lastLine: '1 passed, 1 failed' });
});

test('no test at all fails', async () => {
  expect(await runTests({})).toEqual({ code: 1, lastLine: '0 passed, 1 failed' });
});
