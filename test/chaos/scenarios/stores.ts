/** Faults of the online store, once for each policy of a feature group. */
import type { Input, Output } from '../checker.ts';
import { entityOf } from '../events.ts';
import { type Findings, pause, type Scenario, type ScenarioContext, until } from '../scenario.ts';
import type { ExpectedScores } from '../scores.ts';
import { crash, featureKey, hashOf, withRedis } from '../services.ts';
import { setStage, settle, type Stage } from '../stage.ts';

/** How long after its end a fault may still be felt. */
const HEAL_MS = 5_000;

/** A record may wait in the worker for the fault that hits it. */
const BEFORE_MS = 2_000;

/** Rows that a wrong type hits. */
const WRONG_ENTITIES = 100;

const AWAY_MS = 4_000;

type Policy = 'pause' | 'default' | 'dead-letter';

/** A time in which the store was not what it should be, by the wall clock. */
interface Window {
  readonly kind: 'away' | 'wrong-type';
  readonly fromMs: number;
  toMs: number;
}

/** What the store went through. */
interface Ordeal {
  readonly name: string;
  readonly kind: Window['kind'];
  readonly begin: (stage: Stage) => Promise<void>;
  readonly end: (stage: Stage) => Promise<void>;
}

const ORDEALS: readonly Ordeal[] = [
  {
    name: 'SIGSTOP',
    kind: 'away',
    begin: async ({ redis }) => redis.kill('SIGSTOP'),
    end: async ({ redis }) => redis.kill('SIGCONT'),
  },
  { name: 'kill -9', kind: 'away', begin: ({ redis }) => crash(redis), end: ({ redis }) => redis.restart() },
  {
    name: 'wrong type',
    kind: 'wrong-type',
    begin: ({ redis }) => withRedis(redis, (client) => client.mset(wrongRows())).then(() => undefined),
    end: ({ redis }) => withRedis(redis, restoreRows),
  },
];

/** The rows of a policy, with what must come of it. */
export const storeFaults: readonly Scenario[] = (['pause', 'default', 'dead-letter'] as const).map((policy) => ({
  name: `redis-${policy}`,
  faults: 'Redis: SIGSTOP 4 s, kill -9 and restart after 4 s, 100 rows of the wrong type',
  holds: `onUnavailable: ${policy} does what it says while Redis is away, and nothing else; whole again within 5 s`,
  deliveries: ['exactly-once'],
  run: (context) => run(context, policy),
}));

async function run(context: ScenarioContext, policy: Policy): Promise<Findings> {
  const { signal, say } = context;
  const stage = await setStage(context, {
    pipeline: {
      partitions: 4,
      sections: {
        features: {
          entity: {
            ...{ store: 'main', entity: 'event.entityId', layout: 'hash', keyPrefix: 'chaos:' },
            onMissing: 'default',
            onUnavailable: policy,
          },
        },
      },
    },
  });
  const { fleet, load, pipeline } = stage;
  await fleet.start(0, 1);
  const windows: Window[] = [];
  const problems: string[] = [];
  const notes: string[] = [];
  let isOver = false;
  const ordeals = async (): Promise<void> => {
    for (const ordeal of ORDEALS) {
      await pause(3_000, signal);
      say(ordeal.name);
      const window: Window = { kind: ordeal.kind, fromMs: Date.now(), toMs: Number.POSITIVE_INFINITY };
      windows.push(window);
      await ordeal.begin(stage);
      await pause(AWAY_MS, signal);
      const before = await pipeline.committed();
      await ordeal.end(stage);
      window.toMs = Date.now();
      const healedMs = performance.now();
      await until(async () => ((await pipeline.committed()) ?? 0) > (before ?? 0), {
        ...{ signal, timeoutMs: 30_000, pollMs: 100, what: `progress after ${ordeal.name}` },
      });
      const tookMs = performance.now() - healedMs;
      notes.push(`${ordeal.name}: goes on ${(tookMs / 1000).toFixed(1)} s after its end`);
      if (tookMs > HEAL_MS) problems.push(`${ordeal.name}: went on only ${(tookMs / 1000).toFixed(1)} s after its end`);
      await pause(HEAL_MS, signal);
    }
  };
  await Promise.all([load.paced(400, 300_000, () => isOver), ordeals().finally(() => (isOver = true))]);
  return await settle(context, stage, {
    ...{ faults: ORDEALS.length, problems, notes },
    expect: (input, scores) => expectation(context, policy, windows, input, scores),
    also: (outputs) => effectOf(policy, outputs),
  });
}

/** What a policy allows: nothing but whole predictions outside of the windows. */
function expectation(
  { seed }: ScenarioContext,
  policy: Policy,
  windows: readonly Window[],
  input: Input,
  { full, degraded }: ExpectedScores,
): ReturnType<NonNullable<Parameters<typeof settle>[2]['expect']>> {
  const sequence = input.sequence ?? -1;
  const isIn = (kind: Window['kind']): boolean =>
    windows.some(
      (window) => window.kind === kind && input.timestampMs >= window.fromMs - BEFORE_MS && input.timestampMs <= window.toMs + HEAL_MS,
    );
  const isWrong = isIn('wrong-type') && entityOf(seed, sequence) < WRONG_ENTITIES;
  const isAway = isIn('away');
  return {
    score: full[sequence],
    ...(isWrong || (isAway && policy === 'default') ? { degradedScore: degraded[sequence] } : {}),
    ...(isAway && policy === 'dead-letter' ? { deadLetterCodes: ['feature_unavailable'] } : {}),
  };
}

/** The faults must have been felt, or the row shows nothing. */
function effectOf(policy: Policy, outputs: readonly Output[]): string[] {
  const degraded = outputs.filter(({ isDegraded }) => isDegraded === true).length;
  const letters = outputs.filter(({ kind }) => kind === 'dead-letter').length;
  const problems = degraded === 0 ? ['no row of the wrong type was met'] : [];
  if (policy === 'dead-letter' && letters === 0) problems.push('nothing was dead-lettered while Redis was away');
  if (policy === 'default' && degraded < 200) problems.push(`only ${degraded} predictions were degraded while Redis was away`);
  return problems;
}

function wrongRows(): string[] {
  return Array.from({ length: WRONG_ENTITIES }, (_, entity) => [featureKey(entity), 'not a hash']).flat();
}

async function restoreRows(client: Parameters<Parameters<typeof withRedis>[1]>[0]): Promise<void> {
  const pipeline = client.pipeline();
  for (let entity = 0; entity < WRONG_ENTITIES; entity++) pipeline.del(featureKey(entity)).hset(featureKey(entity), ...hashOf(entity));
  await pipeline.exec();
}
