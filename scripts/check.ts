/**
 * `npm run check`: all that can be known without a service, in one command: format, lint, types, unit and contract
 * tests, generated files. Prints a line a step, and the output of those that fail.
 */
import { type Check, REPOSITORY_CHECKS, runCheck } from './checks.ts';

const STEPS: readonly Check[] = [
  ...REPOSITORY_CHECKS,
  // Not the project `repository`: it holds the checks above, as tests of `npm test`.
  { name: 'unit and contract tests', command: 'vitest', args: ['run', '--project', 'unit'] },
];

const begun = performance.now();
const failed: string[] = [];
// One after another: two cores are busy with one of them, and a failure is read where it happened.
for (const step of STEPS) {
  const { exitCode, output, seconds } = await runCheck(step);
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
