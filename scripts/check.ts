/**
 * `npm run check`: all that can be known without a service, in one command: format, lint, types, unit and contract
 * tests, generated files. Prints a line a step, and the output of those that fail.
 */
import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';

interface Step {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

interface Outcome {
  readonly exitCode: number;
  readonly output: string;
  readonly seconds: number;
}

const STEPS: readonly Step[] = [
  { name: 'format', command: 'biome', args: ['format', '.'] },
  { name: 'lint', command: 'oxlint', args: ['--type-aware'] },
  { name: 'types', command: 'tsc', args: ['-p', '.'] },
  { name: 'generated files', command: process.execPath, args: ['scripts/generate.ts', '--check'] },
  { name: 'unit and contract tests', command: 'vitest', args: ['run', '--project', 'unit'] },
];

const root = join(import.meta.dirname, '..');
const env = { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env['PATH'] ?? ''}` };

const begun = performance.now();
const failed: string[] = [];
// One after another: two cores are busy with one of them, and a failure is read where it happened.
for (const step of STEPS) {
  const { exitCode, output, seconds } = await run(step);
  console.log(`${exitCode === 0 ? '✓' : '✗'} ${step.name.padEnd(24)} ${seconds.toFixed(1).padStart(5)} s`);
  if (exitCode === 0) continue;
  failed.push(step.name);
  console.log(output.trimEnd());
}
const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
console.log(
  failed.length === 0 ? `All ${STEPS.length} checks passed in ${seconds} s.` : `Failed after ${seconds} s: ${failed.join(', ')}.`,
);
process.exitCode = failed.length === 0 ? 0 : 1;

function run({ command, args }: Step): Promise<Outcome> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString('utf8');
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', reject);
    child.on('close', (code) => resolve({ exitCode: code ?? 1, output, seconds: (performance.now() - started) / 1_000 }));
  });
}
