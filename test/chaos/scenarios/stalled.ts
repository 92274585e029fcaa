/** The way out stands still while the way in does not. */
import { API, startKafkaProxy } from '../kafka-proxy.ts';
import { megabytes, MemoryWatch } from '../memory.ts';
import { CLIENT } from '../pipeline.ts';
import { pause, type Scenario } from '../scenario.ts';
import { setStage, settle } from '../stage.ts';

/** Resident memory while stalled, over that before. */
const GROWTH = 1.5;

/** Produce requests of the worker are held for a minute; fetches and heartbeats are not. */
export const outputStalled: Scenario = {
  name: 'output-stalled',
  faults: 'the broker takes no produce request of the worker for 60 s; fetches and heartbeats go on',
  holds: 'RSS < 1.5 × steady, no eviction from the group, nothing lost or duplicated afterwards',
  deliveries: ['exactly-once'],
  async run(context) {
    const { isQuick, signal, say } = context;
    const proxy = await startKafkaProxy();
    context.defer(() => proxy.close());
    const stage = await setStage(context, { proxy, pipeline: { partitions: 4 } });
    const { fleet, load } = stage;
    await fleet.start(0);
    const watch = new MemoryWatch(context, fleet, [0]);
    const durationMs = isQuick ? 15_000 : 60_000;
    // Warm, and with its queue full once, a worker holds what it ever holds in steady work.
    await load.bulk(isQuick ? 20_000 : 60_000);
    await stage.pipeline.drained(120_000);
    const steady = watch.mark();
    const rebalances = await rebalancesOf(fleet.metrics(0));
    let isOver = false;
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    context.defer(open);
    proxy.treat = ({ apiKey, clientId }) => (apiKey === API.produce && clientId.startsWith(CLIENT) && !isOver ? { until: opened } : 'pass');
    say(`stalled for ${durationMs / 1000} s; steady at ${megabytes(steady)}`);
    await Promise.all([load.paced(800, durationMs), pause(durationMs, signal)]);
    const course = watch.samples.filter((_, i) => i % 10 === 0).map((bytes) => Math.round(bytes / 1e6));
    const stalled = watch.mark();
    const waiting = (await stage.pipeline.lag()) ?? 0;
    isOver = true;
    open();
    const after = await rebalancesOf(fleet.metrics(0));
    const problems: string[] = [];
    if (waiting < durationMs / 2) problems.push(`only ${waiting} records were waiting: the output was not stalled`);
    if (stalled > steady * GROWTH) problems.push(`resident memory grew from ${megabytes(steady)} to ${megabytes(stalled)}`);
    if (after !== rebalances) problems.push(`the worker lost its place in the group (${rebalances} assignments before, ${after} after)`);
    const findings = await settle(context, stage, {
      faults: 1,
      problems,
      notes: [`RSS ${megabytes(steady)} steady, ${megabytes(stalled)} stalled; every 5 s: ${course.join(' ')}`],
    });
    await watch.stop();
    return findings;
  },
};

async function rebalancesOf(page: Promise<string | undefined>): Promise<number> {
  const match = /^weir_rebalances_total(?:\{[^}]*\})? (\S+)$/m.exec((await page) ?? '');
  return match ? Number(match[1]) : Number.NaN;
}
