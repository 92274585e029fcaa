/**
 * Runs the tests (arguments go to vitest) and says at the very end, on a line of its own, `N passed, N failed`.
 * A file that cannot be loaded, a failing hook, an error outside of any test and a test that never ran count as failed;
 * a run without any test fails.
 */
import { parseCLI, startVitest, type TestModule, type TestSuite, type Vitest } from 'vitest/node';

interface Counts {
  passed: number;
  failed: number;
}

/** Counts the tests of one file, and as failures its errors that belong to no test. */
function countModule(module: TestModule, counts: Counts): void {
  let failed = 0;
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    if (state === 'passed') counts.passed++;
    else if (state !== 'skipped') failed++;
  }
  for (const suite of [module, ...module.children.allSuites()] as (TestModule | TestSuite)[]) failed += suite.errors().length;
  if (failed === 0 && module.state() !== 'passed' && module.state() !== 'skipped') failed = 1;
  counts.failed += failed;
}

function countAll(vitest: Vitest): Counts {
  const counts: Counts = { passed: 0, failed: vitest.state.getUnhandledErrors().length };
  for (const module of vitest.state.getTestModules()) countModule(module, counts);
  return counts;
}

let counts: Counts = { passed: 0, failed: 1 };
try {
  const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)]);
  const vitest = await startVitest('test', filter, { ...options, watch: false });
  await vitest.close(); // ends the services, too
  counts = countAll(vitest);
  // What went wrong outside of any file (services that did not start, no file found) shows in the exit code alone.
  if (counts.failed === 0 && process.exitCode) counts.failed = 1;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
}
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`, () => {
  process.exit(counts.failed > 0 ? 1 : 0);
});
