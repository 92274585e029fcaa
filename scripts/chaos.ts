/**
 * `npm run test:chaos`: faults against real workers, brokers, Redis and registry, and an account of every input.
 *
 *     npm run test:chaos -- [--only NAME]… [--seed N] [--quick] [--keep-logs] [--list]
 *
 * Prints a table; the last line of standard output is one JSON object. Exit code 1 when a row fails. See docs/chaos.md.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { jsonOf, type Row, tableOf } from '../test/chaos/report.ts';
import { SCENARIOS } from '../test/chaos/scenarios/index.ts';
import { planOf, runScenario } from '../test/chaos/suite.ts';

const USAGE = `Faults against real workers, brokers, Redis and registry, and an account of every input. See docs/chaos.md.

Usage: npm run test:chaos -- [options]

  --only NAME    a scenario, or NAME/exactly-once, NAME/at-least-once; may be repeated
  --seed N       repeats the inputs and faults of a run; default: 1
  --quick        short loads and few faults
  --keep-logs    keep the workers' logs also when all rows pass
  --list         the scenarios, and what must hold in each
  --help         this text

Prints a table; the last line on standard output is one JSON object. Exit code: 0 when every row passes, 1 when not, 2 for
a wrong option.`;

/** Ends with exit code 2 and says how to do better. */
function refuse(problem: unknown): never {
  console.error(`${problem instanceof Error ? problem.message : String(problem)}\n\n${USAGE}`);
  process.exit(2);
}

const { values: options } = orRefuse(() =>
  parseArgs({
    options: {
      help: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string', default: '1' },
      quick: { type: 'boolean', default: false },
      'keep-logs': { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
    },
  }),
);

function orRefuse<T>(attempt: () => T): T {
  try {
    return attempt();
  } catch (error) {
    return refuse(error);
  }
}

if (options.help) console.log(USAGE);
else if (options.list) {
  for (const { name, deliveries, faults, holds } of SCENARIOS)
    console.log(`${name} (${deliveries.join(', ')})\n  ${faults}\n  holds: ${holds}`);
} else await main();

async function main(): Promise<void> {
  const seed = Number(options.seed);
  if (!Number.isSafeInteger(seed)) refuse(`--seed is ${options.seed}; it must be a whole number.`);
  const plan = orRefuse(() => planOf(SCENARIOS, options.only));
  const folder = mkdtempSync(join(tmpdir(), 'weir-chaos-'));
  const stop = new AbortController();
  // Everything that was started is ended in order; what is killed with kill -9 itself is left to the guard of src/dev.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  const say = (line: string): void => console.error(line);
  const rows: Row[] = [];
  try {
    for (const [i, { scenario, delivery }] of plan.entries()) {
      say(`[${i + 1}/${plan.length}] ${scenario.name} (${delivery}): ${scenario.faults}`);
      const row = await runScenario(scenario, delivery, { seed, isQuick: options.quick, folder, say, signal: stop.signal });
      rows.push(row);
      say(
        `[${i + 1}/${plan.length}] ${scenario.name} (${delivery}): ${row.problems.length === 0 ? 'pass' : `FAIL: ${row.problems.join('; ')}`}`,
      );
    }
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
  const hasFailed = rows.some((row) => row.problems.length > 0);
  if (hasFailed) process.exitCode = 1;
  if (options['keep-logs'] || hasFailed) say(`logs: ${folder}`);
  else rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  console.log(`seed ${seed}\n${tableOf(rows)}`);
  console.log(jsonOf(rows));
}
