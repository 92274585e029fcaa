import { type SpawnOptions, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

/** A clone with scripts of its own, and an npm that notes what it is asked and installs `.bin/node`. */
let clone: string;
beforeEach(async () => {
  clone = await mkdtemp(join(tmpdir(), 'weir-bootstrap-test-'));
  await mkdir(join(clone, 'scripts'));
  await copyFile(new URL('../../../scripts/bootstrap.cjs', import.meta.url), join(clone, 'scripts', 'bootstrap.cjs'));
  await writeLock('1.0.0');
  await writeFile(
    join(clone, 'npm-cli.js'),
    `const fs = require('fs');
     fs.appendFileSync('npm-calls', process.argv.slice(2).join(' ') + '\\n');
     if (process.env.NPM_FAILS) process.exit(7);
     fs.mkdirSync('node_modules/.bin', { recursive: true });
     fs.symlinkSync(process.execPath, 'node_modules/.bin/node');`,
  );
  await writeFile(
    join(clone, 'scripts', 'test.ts'),
    `console.log(JSON.stringify({ arguments: process.argv.slice(2), node: process.argv0 }));
     process.on('SIGTERM', () => { console.log('drained'); process.exit(5); });
     if (process.argv[2] === 'exit') process.exit(Number(process.argv[3]));
     if (process.argv[2] === 'die') process.kill(process.pid, 'SIGKILL');
     if (process.argv[2] === 'wait') { console.log('waiting'); setInterval(() => {}, 1000); }`,
  );
});
afterEach(() => rm(clone, { recursive: true, force: true }));

async function writeLock(version: string): Promise<void> {
  const packages = { '': {}, 'node_modules/a': { version }, 'node_modules/b-win32': { version: '2.0.0', optional: true } };
  await writeFile(join(clone, 'package-lock.json'), JSON.stringify({ packages }));
}

interface Run {
  readonly exit: number | string;
  readonly output: string;
  readonly errors: string;
}

function run(
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; onOutput?: (child: ReturnType<typeof spawn>, text: string) => void } = {},
): Promise<Run> {
  const env = { ...process.env, npm_execpath: join(clone, 'npm-cli.js'), npm_node_execpath: process.execPath, ...options.env };
  const spawnOptions: SpawnOptions = { env, cwd: tmpdir() };
  const child = spawn(process.execPath, [join(clone, 'scripts', 'bootstrap.cjs'), ...args], spawnOptions);
  let output = '';
  let errors = '';
  child.stdout?.on('data', (data: Buffer) => {
    output += data.toString();
    options.onOutput?.(child, output);
  });
  child.stderr?.on('data', (data: Buffer) => {
    errors += data.toString();
  });
  return new Promise((resolve) => child.once('close', (code, signal) => resolve({ exit: signal ?? code ?? 'unknown', output, errors })));
}

async function npmCalls(): Promise<number> {
  const file = join(clone, 'npm-calls');
  if (!existsSync(file)) return 0;
  return (await readFile(file, 'utf8')).trim().split('\n').length;
}

describe('installation', () => {
  test('installs in a fresh clone and says why, and not again', async () => {
    const first = await run(['test', 'a', '--b', 'c d']);
    expect(first.errors).toBe(
      'weir: installing dependencies with npm ci, without install scripts (there is no node_modules folder yet) …\n',
    );
    expect(JSON.parse(first.output)).toMatchObject({ arguments: ['a', '--b', 'c d'] });
    expect(await readFile(join(clone, 'npm-calls'), 'utf8')).toMatch(/^ci /);
    expect(await run(['test'])).toMatchObject({ exit: 0, errors: '' });
    expect(await npmCalls()).toBe(1);
  });

  test('installs again when package-lock.json has changed', async () => {
    await run(['test']);
    await writeLock('1.1.0');
    await rm(join(clone, 'node_modules'), { recursive: true });
    await mkdir(join(clone, 'node_modules'));
    const installed = { packages: { 'node_modules/a': { version: '1.0.0' } } };
    await writeFile(join(clone, 'node_modules', '.package-lock.json'), JSON.stringify(installed));
    expect((await run(['test'])).errors).toContain('(node_modules/a is not at version 1.1.0)');
    expect(await npmCalls()).toBe(2);
  });

  test('leaves alone what somebody installed by hand from the same package-lock.json', async () => {
    await mkdir(join(clone, 'node_modules'));
    const installed = { packages: { 'node_modules/a': { version: '1.0.0' } } }; // not b: another platform's
    await writeFile(join(clone, 'node_modules', '.package-lock.json'), JSON.stringify(installed));
    expect(await run(['test'])).toMatchObject({ exit: 0, errors: '' });
    expect(await npmCalls()).toBe(0);
    expect(existsSync(join(clone, 'node_modules', '.weir-lock-hash'))).toBe(true);
  });

  test('a failed installation ends with what to look at, and is not taken for done', async () => {
    const failed = await run(['test'], { env: { NPM_FAILS: '1' } });
    expect(failed).toMatchObject({ exit: 1, output: '' });
    expect(failed.errors).toContain('weir: npm ci failed (exit 7)');
    await run(['test']);
    expect(await npmCalls()).toBe(2);
  });
});

describe('the script', () => {
  test('runs under the Node that the dependencies brought', async () => {
    const { output } = await run(['test']);
    expect(JSON.parse(output)).toMatchObject({ node: join(clone, 'node_modules', '.bin', 'node') });
  });

  test('runs under this Node where the one that was brought is too old or does not run', async () => {
    await run(['test']);
    const brought = join(clone, 'node_modules', '.bin', 'node');
    for (const script of ['echo v22.21.9', 'exit 127']) {
      await rm(brought);
      await writeFile(brought, `#!/bin/sh\n${script}\n`);
      await chmod(brought, 0o755);
      const { output } = await run(['test']);
      expect(JSON.parse(output)).toMatchObject({ node: process.execPath });
    }
  });

  test('gives its exit code or signal on', async () => {
    expect((await run(['test', 'exit', '3'])).exit).toBe(3);
    expect((await run(['test', 'die'])).exit).toBe('SIGKILL');
  });

  test('is sent the signals of its parent and may drain', async () => {
    let sent = false;
    const ended = await run(['test', 'wait'], {
      onOutput: (child, text) => {
        if (sent || !text.includes('waiting')) return;
        sent = true;
        child.kill('SIGTERM');
      },
    });
    expect(ended.exit).toBe(5);
    expect(ended.output).toContain('drained');
  });

  test('ends with the npm that runs it, even if that is killed', async () => {
    await run(['test']);
    const bootstrap = `"${process.execPath}" "${join(clone, 'scripts', 'bootstrap.cjs')}" test wait`;
    const npm = spawn('sh', ['-c', `${bootstrap} & wait`], { env: { ...process.env, npm_lifecycle_event: 'test' } });
    let output = '';
    npm.stdout.on('data', (data: Buffer) => {
      output += data.toString();
      if (output.includes('waiting')) npm.kill('SIGKILL');
    });
    await new Promise((resolve) => npm.stdout.once('close', resolve)); // when the last process that holds it has ended
    expect(output).toContain('drained');
  });

  test('exec runs any file; nothing to run is an error', async () => {
    const file = join(clone, 'other.mjs');
    await writeFile(file, 'console.log("other", process.argv[2]);');
    expect((await run(['exec', file, 'x'])).output).toBe('other x\n');
    const wrong = await run(['dance']);
    expect(wrong.exit).toBe(1);
    expect(wrong.errors).toMatch(/^weir: usage: /);
  });
});
