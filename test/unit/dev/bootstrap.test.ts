import { type SpawnOptions, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isAlive } from '../../../src/dev/cache.ts';

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
     if (process.env.NPM_HANGS) {
       for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => fs.appendFileSync('npm-signals', signal + '\\n'));
       setInterval(() => {}, 1000);
       fs.writeFileSync('npm-pid', String(process.pid));
       return;
     }
     for (const name of ['a', 'dev']) {
       fs.mkdirSync('node_modules/' + name, { recursive: true });
       fs.writeFileSync('node_modules/' + name + '/package.json', '{}');
     }
     fs.rmSync('node_modules/.bin', { recursive: true, force: true });
     fs.mkdirSync('node_modules/.bin', { recursive: true });
     fs.symlinkSync(process.execPath, 'node_modules/.bin/node');`,
  );
  await writeFile(
    join(clone, 'scripts', 'test.ts'),
    `console.log(JSON.stringify({ arguments: process.argv.slice(2), node: process.argv0 }));
     process.on('SIGTERM', () => { console.log('drained'); process.exit(5); });
     if (process.argv[2] === 'exit') process.exit(Number(process.argv[3]));
     if (process.argv[2] === 'die') process.kill(process.pid, 'SIGKILL');
     if (process.argv[2] === 'count') {
       let count = 0;
       process.removeAllListeners('SIGTERM');
       for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {
         console.log('got', signal);
         if (count++ === 0) setTimeout(() => process.exit(6), 1800);
       });
       console.log('waiting');
       setInterval(() => {}, 1000);
     }
     if (process.argv[2] === 'wait') { console.log('waiting'); setInterval(() => {}, 1000); }`,
  );
});
afterEach(() => rm(clone, { recursive: true, force: true }));

async function writeLock(version: string): Promise<void> {
  const root = { dependencies: { a: version }, devDependencies: { dev: '1.0.0' } };
  const packages = { '': root, 'node_modules/a': { version }, 'node_modules/b-win32': { version: '2.0.0', optional: true } };
  await writeFile(join(clone, 'package-lock.json'), JSON.stringify({ packages }));
}

interface Run {
  readonly exit: number | string;
  readonly output: string;
  readonly errors: string;
}

function fakeNpm(): NodeJS.ProcessEnv {
  return { npm_execpath: join(clone, 'npm-cli.js'), npm_node_execpath: process.execPath };
}

/** Runs bootstrap as the child, or under a shell the grandchild, of something that ends without a word to it, as npm does. */
function underNpm(args: string, env: NodeJS.ProcessEnv = {}, isUnderShell = false) {
  const bootstrap = `"${process.execPath}" "${join(clone, 'scripts', 'bootstrap.cjs')}" ${args}`;
  return spawn('sh', ['-c', isUnderShell ? 'sh -c "$SCRIPT" & wait' : `${bootstrap} & wait`], {
    env: { ...process.env, ...fakeNpm(), npm_lifecycle_event: 'test', SCRIPT: `${bootstrap}; exit $?`, ...env },
  });
}

/** The pid of an npm that was told to hang, once it does. */
async function npmHangs(): Promise<number> {
  const file = join(clone, 'npm-pid');
  while (!existsSync(file) || (await readFile(file, 'utf8')) === '') await delay(20);
  return Number(await readFile(file, 'utf8'));
}

function run(
  args: readonly string[],
  options: {
    env?: NodeJS.ProcessEnv;
    isGroup?: boolean;
    onStart?: (child: ReturnType<typeof spawn>) => void;
    onOutput?: (child: ReturnType<typeof spawn>, text: string) => void;
  } = {},
): Promise<Run> {
  const env = { ...process.env, ...fakeNpm(), ...options.env };
  const spawnOptions: SpawnOptions = { env, cwd: tmpdir(), detached: options.isGroup ?? false };
  const child = spawn(process.execPath, [join(clone, 'scripts', 'bootstrap.cjs'), ...args], spawnOptions);
  options.onStart?.(child);
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
    const installed = { packages: { 'node_modules/a': { version: '1.0.0' } } };
    await writeFile(join(clone, 'node_modules', '.package-lock.json'), JSON.stringify(installed));
    expect((await run(['test'])).errors).toContain('(node_modules/a is not at version 1.1.0)');
    expect(await npmCalls()).toBe(2);
  });

  test.each(['a', 'dev'])('installs again when the folder of %s was removed', async (name) => {
    await run(['test']);
    await rm(join(clone, 'node_modules', name), { recursive: true });
    expect((await run(['test'])).errors).toContain(`(node_modules/${name} is missing)`);
    expect(await npmCalls()).toBe(2);
    expect(await run(['test'])).toMatchObject({ exit: 0, errors: '' });
  });

  test('leaves alone what somebody installed by hand from the same package-lock.json', async () => {
    for (const name of ['a', 'dev']) {
      await mkdir(join(clone, 'node_modules', name), { recursive: true });
      await writeFile(join(clone, 'node_modules', name, 'package.json'), '{}');
    }
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

  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends npm ci, even one that takes no notice, and starts nothing', async (signal) => {
    const running = run(['test'], { env: { NPM_HANGS: '1' }, onStart: (child) => void npmHangs().then(() => child.kill(signal)) });
    expect(await running).toMatchObject({ exit: signal, output: '' });
    expect(isAlive(await npmHangs())).toBe(false);
    expect(await readFile(join(clone, 'npm-signals'), 'utf8')).toBe(`${signal}\n`);
    await run(['test']);
    expect(await npmCalls()).toBe(2); // is not taken for done
  });

  test('npm ci ends with the npm that runs it, even if that is killed', async () => {
    const npm = underNpm('test', { NPM_HANGS: '1' });
    const pid = await npmHangs();
    npm.kill('SIGKILL');
    await new Promise((resolve) => npm.stdout.once('close', resolve));
    expect(isAlive(pid)).toBe(false);
    expect(await readFile(join(clone, 'npm-signals'), 'utf8')).toBe('SIGTERM\n');
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

  // Linux alone says whose child another process is; elsewhere no shell stays between.
  test.each(process.platform === 'linux' ? [false, true] : [false])(
    'ends with the npm that runs it, even if that is killed; a shell between: %s',
    async (isUnderShell) => {
      await run(['test']);
      const npm = underNpm('test wait', {}, isUnderShell);
      let output = '';
      npm.stdout.on('data', (data: Buffer) => {
        output += data.toString();
        if (output.includes('waiting')) npm.kill('SIGKILL');
      });
      await new Promise((resolve) => npm.stdout.once('close', resolve)); // when the last process that holds it has ended
      expect(output).toContain('drained');
    },
  );

  test('is told once when the npm that runs it was killed, however long it takes to end', async () => {
    await run(['test']);
    const npm = underNpm('test count');
    let output = '';
    npm.stdout.on('data', (data: Buffer) => {
      output += data.toString();
      if (output.includes('waiting')) npm.kill('SIGKILL');
    });
    await new Promise((resolve) => npm.stdout.once('close', resolve));
    expect(output.match(/got \w+/g)).toEqual(['got SIGTERM']);
  });

  test('a signal to the whole group is handed on once, and late', async () => {
    await run(['test']);
    let sent = false;
    const ended = await run(['test', 'count'], {
      isGroup: true,
      onOutput: (child, text) => {
        if (sent || !text.includes('waiting')) return;
        sent = true;
        process.kill(-(child.pid ?? 0), 'SIGINT');
        setTimeout(() => child.kill('SIGINT'), 100); // as npm does
      },
    });
    expect(ended.exit).toBe(6);
    expect(ended.output.match(/got \w+/g)).toEqual(['got SIGINT', 'got SIGINT']);
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
