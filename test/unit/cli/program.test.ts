import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from '../../../src/cli/program.ts';
import { recordingTerminal } from './terminal-fixture.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-cli-'));
  writeFileSync(join(folder, 'bad.yaml'), 'name: a\nkafca: {}\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

async function run(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const terminal = recordingTerminal(env);
  const exitCode = await runProgram(args, terminal);
  return { exitCode, stdout: terminal.stdout.join('\n'), stderr: terminal.stderr.join('\n') };
}

describe('help', () => {
  it('teaches: first steps, exit codes, environment', async () => {
    const { exitCode, stdout } = await run(['--help']);
    expect(exitCode).toBe(0);
    for (const text of ['weir check', 'weir topics apply', 'Exit codes:', 'WEIR_CONFIG', 'LOG_LEVEL']) expect(stdout).toContain(text);
  });

  it.each([
    ['run'],
    ['check'],
    ['topics', 'apply'],
    ['features', 'load'],
    ['profile', 'build'],
    ['profile', 'pin'],
    ['bench'],
    ['dlq', 'ls'],
    ['dlq', 'show'],
    ['dlq', 'redrive'],
  ])('of %s %s has examples', async (...command) => {
    const { exitCode, stdout } = await run([...command, '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`$ `);
    expect(stdout).toContain(`weir ${command.join(' ')}`);
    expect(stdout).toContain('--config <file>');
  });

  it('loads no adapter', () => {
    // What --help does not need must not cost its start: nothing heavy may be imported at the top.
    const script = `
      await import(${JSON.stringify(new URL('../../../src/cli/program.ts', import.meta.url).href)});
      const { createRequire } = await import('node:module');
      const loaded = Object.keys(createRequire(import.meta.url).cache ?? {});
      console.log(loaded.filter((path) => /kafkajs|onnxruntime|ioredis|fastify|pino/.test(path)).length);`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(child.stderr).toBe('');
    expect(child.stdout.trim()).toBe('0');
  });
});

describe('usage errors', () => {
  it.each([
    [[], /Usage: weir/],
    [['rum'], /unknown command 'rum'[^]*Did you mean run/],
    [['check', '--shema', 'x'], /unknown option '--shema'[^]*Did you mean --schema/],
    [['features', 'load', '--group', 'g'], /required option '--file <path>' not specified/],
    [['topics', 'apply', '--with-input', 'many'], /must be a whole number of at least 1/],
    [['topics', 'apply', '--with-input', '0'], /must be a whole number of at least 1/],
    [['profile', 'build', '--file', 'a', '--topic', 'b'], /cannot be used with option/],
    [['run', '--workers', '0'], /must be a whole number from 1 to 256, or auto/],
    [['run', '--workers', '257'], /must be a whole number from 1 to 256, or auto/],
    [['run', '--workers', 'all'], /must be a whole number from 1 to 256, or auto/],
  ])('%j ends with 2', async (args, message) => {
    const { exitCode, stderr } = await run(args);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(message);
  });
});

describe('failures', () => {
  it('of the pipeline file end with 2, every finding and what to do, and no stack trace', async () => {
    const { exitCode, stderr, stdout } = await run(['check', '--config', join(folder, 'bad.yaml')]);
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('config_invalid: The pipeline file is not valid.');
    expect(stderr).toMatch(/bad\.yaml:2:1: unknown key kafca; did you mean kafka\?/);
    expect(stderr).toContain('input is missing');
    expect(stderr).toContain('→ Correct the lines named');
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('show a trace with --verbose or LOG_LEVEL=debug', async () => {
    const config = join(folder, 'bad.yaml');
    expect((await run(['--verbose', 'check', '--config', config])).stderr).toMatch(/\n\s+at /);
    expect((await run(['check', '--verbose', '--config', config])).stderr).toMatch(/\n\s+at /);
    expect((await run(['check'], { LOG_LEVEL: 'debug', WEIR_CONFIG: config })).stderr).toMatch(/\n\s+at |no such file/);
  });

  it('of a file that is not there name it', async () => {
    const { exitCode, stderr } = await run(['topics', 'apply', '--config', join(folder, 'nope.yaml')]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('nope.yaml: there is no such file');
  });
});

describe('weir run as one of a pool', () => {
  it('is for a supervisor to start', () => {
    const main = new URL('../../../src/cli/main.ts', import.meta.url).pathname;
    const child = spawnSync(process.execPath, [main, 'run', '--worker', '0', '--config', join(folder, 'bad.yaml')], { encoding: 'utf8' });
    expect(child.status).toBe(2);
    expect(child.stderr).toContain('--worker is what weir run --workers gives to its workers');
    expect(spawnSync(process.execPath, [main, 'run', '--help'], { encoding: 'utf8' }).stdout).not.toMatch(/--worker /);
  });

  it.each([['--workers', '2'], []])('ends with 2 when the pipeline file is wrong, before any worker is started: %j', (...args) => {
    const child = spawnSync(
      process.execPath,
      [new URL('../../../src/cli/main.ts', import.meta.url).pathname, 'run', '--config', join(folder, 'bad.yaml'), ...args],
      { encoding: 'utf8', env: { ...process.env, ...(args.length === 0 && { WEIR_WORKERS: 'auto' }) } },
    );
    expect(child.status).toBe(2);
    expect(child.stderr).toContain('unknown key kafca');
    expect(child.stderr).not.toContain('worker 0');
  });
});

describe('weir as a process', () => {
  it('prints its version and ends with 0', () => {
    const child = spawnSync(process.execPath, [new URL('../../../src/cli/main.ts', import.meta.url).pathname, 'version'], {
      encoding: 'utf8',
    });
    expect(child.status).toBe(0);
    expect(child.stdout).toMatch(/^weir \d+\.\d+\.\d+ \(Node\.js \d+/);
  });

  it('takes the pipeline file from WEIR_CONFIG and ends with 2 when it is wrong', () => {
    const child = spawnSync(process.execPath, [new URL('../../../src/cli/main.ts', import.meta.url).pathname, 'check'], {
      encoding: 'utf8',
      env: { ...process.env, WEIR_CONFIG: join(folder, 'bad.yaml') },
    });
    expect(child.status).toBe(2);
    expect(child.stderr).toContain('unknown key kafca');
  });
});
