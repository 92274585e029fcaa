/** Faults of the workers: killed, frozen, restarted, joining and leaving. */
import { carryOut, killSchedule, ProgressWatch, quantile } from '../faults.ts';
import { wholeBetween } from '../random.ts';
import { type Findings, pause, type Scenario, type ScenarioContext } from '../scenario.ts';
import { setStage, settle } from '../stage.ts';

const BOTH = ['exactly-once', 'at-least-once'] as const;

/** kill -9 ten times in 90 s; a zombie that was frozen for longer than its session. */
export const kill: Scenario = {
  name: 'kill',
  faults: 'kill -9 a worker 10 times in 90 s; SIGSTOP 15 s, then SIGCONT',
  holds: 'exactly-once: nothing lost or duplicated; at-least-once: nothing lost, duplicates only with equal id and score',
  deliveries: BOTH,
  async run(context) {
    const { random, isQuick, signal, say } = context;
    const stage = await setStage(context);
    const { fleet, load } = stage;
    const durationMs = isQuick ? 25_000 : 90_000;
    const schedule = killSchedule(random, { kills: isQuick ? 3 : 10, durationMs, slots: 3, freezeMs: isQuick ? 9_000 : 15_000 });
    await fleet.start(0, 1, 2);
    const loading = load.paced(isQuick ? 400 : 750, durationMs);
    await Promise.all([
      loading,
      carryOut(schedule, signal, async ({ kind, slot, forMs }) => {
        say(`${kind} worker ${slot} for ${forMs} ms`);
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
    return await settle(context, stage, { faults: schedule.length });
  },
};

/** Longest drain that a rolling restart may show at the 99th percentile. */
const DRAIN_P99_MS = 10_000;

/** SIGTERM to each worker in turn, as a roll-out does. */
export const rollingRestart: Scenario = {
  name: 'rolling-restart',
  faults: 'SIGTERM to each of 3 workers in turn, each started again',
  holds: 'nothing lost, nothing repeated in either mode, drain p99 ≤ 10 s',
  deliveries: BOTH,
  async run(context) {
    const { isQuick, signal, say } = context;
    const stage = await setStage(context);
    const { fleet, load } = stage;
    await fleet.start(0, 1, 2);
    let isOver = false;
    const loading = load.paced(isQuick ? 500 : 1_000, 300_000, () => isOver);
    const rolling = async (): Promise<void> => {
      for (let round = 0; round < (isQuick ? 1 : 2); round++) {
        for (const slot of [0, 1, 2]) {
          say(`restart worker ${slot}`);
          await pause(1_000, signal);
          await fleet.drain(slot);
          await fleet.start(slot);
        }
      }
    };
    await Promise.all([loading, rolling().finally(() => (isOver = true))]);
    const faults = fleet.drainsMs.length;
    const p99 = quantile(fleet.drainsMs, 0.99);
    const problems = p99 > DRAIN_P99_MS ? [`drain p99 is ${(p99 / 1000).toFixed(1)} s`] : [];
    return await settle(context, stage, { faults, isOrderly: true, problems, notes: [`drain p99 ${(p99 / 1000).toFixed(1)} s`] });
  },
};

/** Longest time that nothing is committed although there is something to do. */
export const PROGRESS_GAP_MS = 15_000;

/** Workers come and go every 5 s. */
export const joinLeave: Scenario = {
  name: 'join-leave',
  faults: 'every 5 s a worker joins or leaves (SIGTERM)',
  holds: 'nothing lost, nothing repeated in either mode, progress never stops for more than 15 s',
  deliveries: BOTH,
  async run(context) {
    const { isQuick, random, signal, say } = context;
    const stage = await setStage(context);
    const { fleet, load, pipeline } = stage;
    await fleet.start(0, 1);
    const watch = new ProgressWatch(context, pipeline);
    const durationMs = isQuick ? 20_000 : 45_000;
    let faults = 0;
    const storm = async (): Promise<void> => {
      const pending: Promise<void>[] = [];
      const startedMs = performance.now();
      while (performance.now() - startedMs < durationMs) {
        const slot = wholeBetween(random, 1, 3);
        const isLeaving = fleet.isRunning(slot);
        say(`worker ${slot} ${isLeaving ? 'leaves' : 'joins'}`);
        const moving = isLeaving ? fleet.drain(slot) : fleet.launch(slot);
        moving.catch(() => undefined); // looked at below, unless the suite is stopped in between
        pending.push(moving);
        faults++;
        await pause(5_000, signal);
      }
      await Promise.all(pending);
    };
    await Promise.all([load.paced(isQuick ? 500 : 1_000, durationMs), storm()]);
    return await withProgress(context, watch, () => settle(context, stage, { faults, isOrderly: true }));
  },
};

/** Adds what the watch saw to the findings. */
export async function withProgress(
  _context: ScenarioContext,
  watch: ProgressWatch,
  settling: () => Promise<Findings>,
  limitMs = PROGRESS_GAP_MS,
): Promise<Findings> {
  const findings = await settling();
  await watch.stop();
  const gap = `longest time without progress ${(watch.longestGapMs / 1000).toFixed(1)} s`;
  const problems = watch.longestGapMs > limitMs ? [...findings.problems, gap] : findings.problems;
  return { ...findings, problems, notes: [...findings.notes, gap] };
}
