/** The checker itself on trial: workers that are broken on purpose must be caught. */
import { fileURLToPath } from 'node:url';
import type { Defect } from '../broken/worker.ts';
import { carryOut, killSchedule } from '../faults.ts';
import { type Delivery, type Findings, pause, type Scenario, type ScenarioContext } from '../scenario.ts';
import { setStage, settle } from '../stage.ts';

const WORKER = fileURLToPath(new URL('../broken/worker.ts', import.meta.url));

/** Records a second: slow enough for the broken workers, which take 150 ms for 100 records. */
const RATE = 400;

/** What a defect must show up as. */
interface Trial {
  readonly defect: Defect;
  readonly shows: 'lost' | 'duplicated';
  readonly claims: Delivery;
  readonly kills: number;
  readonly freezeMs: number;
}

const TRIALS: readonly Trial[] = [
  { defect: 'commit-before-produce', shows: 'lost', claims: 'at-least-once', kills: 4, freezeMs: 0 },
  { defect: 'no-fencing', shows: 'duplicated', claims: 'exactly-once', kills: 1, freezeMs: 9_000 },
  { defect: 'commits-last', shows: 'duplicated', claims: 'exactly-once', kills: 3, freezeMs: 0 },
  { defect: 'skips-one', shows: 'lost', claims: 'exactly-once', kills: 6, freezeMs: 0 },
];

async function run(context: ScenarioContext, { defect, shows, kills, freezeMs }: Trial): Promise<Findings> {
  const { random, signal } = context;
  const stage = await setStage(context, {
    pipeline: { partitions: 4, countsDrift: false },
    fleet: { hasProbes: false, args: () => [WORKER, defect] },
  });
  const { fleet, load } = stage;
  await fleet.start(0, 1);
  const durationMs = 15_000;
  const schedule = killSchedule(random, { kills, durationMs, slots: 2, freezeMs });
  await Promise.all([
    load.paced(RATE, durationMs),
    carryOut(schedule, signal, async ({ kind, slot, forMs }) => {
      if (kind === 'kill') {
        await fleet.kill(slot);
        await pause(forMs, signal);
        await fleet.launch(slot);
      } else {
        fleet.freeze(slot);
        await pause(forMs, signal);
        fleet.thaw(slot);
      }
    }),
  ]);
  const findings = await settle(context, stage, { faults: schedule.length, mayEnd: true, allowedLag: 4 });
  // Whatever else such a worker does, the checker must have seen the defect.
  const isCaught = findings[shows] > 0;
  const problems = isCaught ? [] : [`the checker has not caught ${defect}`, ...findings.problems];
  return { ...findings, problems, notes: isCaught ? [`caught: ${findings.lost} lost, ${findings.duplicated} duplicated`] : [] };
}

/** One row for each way to be broken. Their numbers show what the checker saw. */
export const brokenWorkers: readonly Scenario[] = TRIALS.map((trial) => ({
  name: `checker-catches-${trial.defect}`,
  faults: `kill -9 and SIGSTOP on workers that are broken on purpose (${trial.defect})`,
  holds: `the checker finds records ${trial.shows}`,
  deliveries: [trial.claims],
  isTrial: true,
  run: (context) => run(context, trial),
}));
