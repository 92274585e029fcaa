/** What is held of the repository as a whole, besides its tests: by `npm run check`, and by `npm test`. */
import { spawn } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';

/** One command that must succeed in the repository's root. */
export interface Check {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** How a check ended. */
export interface Outcome {
  readonly exitCode: number;
  /** What it wrote to standard output and standard error. */
  readonly output: string;
  readonly seconds: number;
}

/** Format, lint, types and generated files. */
export const REPOSITORY_CHECKS: readonly Check[] = [
  { name: 'format', command: 'biome', args: ['format', '.'] },
  { name: 'lint', command: 'oxlint', args: ['--type-aware'] },
  { name: 'types', command: 'tsc', args: ['-p', '.'] },
  { name: 'generated files', command: process.execPath, args: ['scripts/generate.ts', '--check'] },
];

const root = join(import.meta.dirname, '..');
// The tools are scripts for `node`: this one, not an older one that the machine may have.
const path = [join(root, 'node_modules', '.bin'), dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);

/** Runs one check with the tools of node_modules. @throws when the command cannot be started */
export function runCheck({ command, args }: Check): Promise<Outcome> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, PATH: path }, stdio: ['ignore', 'pipe', 'pipe'] });
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
