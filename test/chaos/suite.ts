/** Runs scenarios one after another, each in a folder and with services of its own. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { randomFrom, seedOf } from './random.ts';
import type { Row } from './report.ts';
import type { Delivery, Findings, Scenario, ScenarioContext } from './scenario.ts';

/** How to run. */
export interface SuiteOptions {
  readonly seed: number;
  readonly isQuick: boolean;
  /** Where the folders of the scenarios go. */
  readonly folder: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Runs one row. A scenario that throws is a row that failed. */
export async function runScenario(scenario: Scenario, delivery: Delivery, options: SuiteOptions): Promise<Row> {
  const { seed, isQuick, signal } = options;
  const folder = join(options.folder, `${scenario.name}-${delivery}`);
  mkdirSync(folder, { recursive: true });
  const cleanUps: (() => Promise<void> | void)[] = [];
  const context: ScenarioContext = {
    ...{ delivery, seed, isQuick, folder, signal },
    random: randomFrom(seedOf(seed, ...Buffer.from(scenario.name))),
    say: (line) => options.say(`${scenario.name} (${delivery}): ${line}`),
    defer: (cleanUp) => void cleanUps.push(cleanUp),
  };
  const startedMs = performance.now();
  let findings: Findings;
  try {
    findings = await scenario.run(context);
  } catch (error) {
    signal.throwIfAborted();
    const problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
    findings = { inputs: 0, faults: 0, lost: 0, duplicated: 0, reordered: 0, wrong: 0, problems: [problem], notes: [] };
  } finally {
    for (const cleanUp of cleanUps.reverse()) {
      try {
        await cleanUp();
      } catch (error) {
        options.say(`cleaning up: ${String(error)}`);
      }
    }
  }
  return {
    name: scenario.name,
    delivery,
    isTrial: scenario.isTrial === true,
    ...findings,
    seconds: (performance.now() - startedMs) / 1_000,
  };
}

const DELIVERIES: readonly Delivery[] = ['exactly-once', 'at-least-once'];

/** One row to run. */
export interface Planned {
  readonly scenario: Scenario;
  readonly delivery: Delivery;
}

/**
 * The rows that were asked for: `kill` (in all the modes that it usually runs in) or `kill/at-least-once`. None asked for: all.
 * @throws Error for a name that is not there
 */
export function planOf(scenarios: readonly Scenario[], only: readonly string[]): Planned[] {
  const rowsOf = (scenario: Scenario): Planned[] => scenario.deliveries.map((delivery) => ({ scenario, delivery }));
  if (only.length === 0) return scenarios.flatMap(rowsOf);
  return only.flatMap((wanted) => {
    const [name, mode] = wanted.split('/');
    const scenario = scenarios.find((candidate) => candidate.name === name);
    const delivery = DELIVERIES.find((candidate) => candidate === mode);
    if (!scenario || (mode !== undefined && !delivery))
      throw new Error(`There is no scenario ${wanted}; --list shows those that there are.`);
    return delivery ? [{ scenario, delivery }] : rowsOf(scenario);
  });
}
