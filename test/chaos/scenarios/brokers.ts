/** Faults of the brokers: killed, restarted, slow, cut off in the worst moment. */
import type { KafkaCluster } from '../../../src/dev/index.ts';
import { ProgressWatch } from '../faults.ts';
import { API, startKafkaProxy, type Treatment } from '../kafka-proxy.ts';
import { type ChaosPipeline, CLIENT, DRIFT_TOPICS, GROUP, TOPICS, transactionalIdOf } from '../pipeline.ts';
import { wholeBetween } from '../random.ts';
import { pause, type Scenario, type ScenarioContext, until } from '../scenario.ts';
import { coordinatorOf, crash, startFeatureStore, startThreeBrokers } from '../services.ts';
import { setPipeline, setStage, settle } from '../stage.ts';
import { withProgress } from './workers.ts';

const BOTH = ['exactly-once', 'at-least-once'] as const;

/** The only broker dies and comes back. */
export const brokerRestart: Scenario = {
  name: 'broker-restart',
  faults: 'kill -9 of the only broker, back after 3 s and after 10 s',
  holds: 'the workers go on by themselves; nothing lost, nothing duplicated (at-least-once: equal ids)',
  deliveries: BOTH,
  async run(context) {
    const { isQuick, signal, say } = context;
    const stage = await setStage(context);
    const { broker, fleet, load } = stage;
    await fleet.start(0, 1);
    let isOver = false;
    const outages = isQuick ? [3_000] : [3_000, 10_000];
    const breaking = async (): Promise<void> => {
      for (const awayMs of outages) {
        await pause(5_000, signal);
        say(`kill -9 of the broker for ${awayMs} ms`);
        await crash(broker);
        await pause(awayMs, signal);
        await broker.restart();
        await pause(8_000, signal);
      }
    };
    await Promise.all([load.paced(700, 300_000, () => isOver), breaking().finally(() => (isOver = true))]);
    return await settle(context, stage, { faults: outages.length });
  },
};

/** Three brokers lose the leader of a partition, then the coordinators, one at a time. */
export const clusterFailover: Scenario = {
  name: 'cluster-failover',
  faults:
    'three brokers (RF 3, min ISR 2): kill -9 of a leader, of the group coordinator and (exactly-once) of the transaction coordinator, each restarted',
  holds: 'the workers go on by themselves; nothing lost, nothing duplicated (at-least-once: equal ids); no gap > 30 s',
  deliveries: BOTH,
  async run(context) {
    const { signal, say } = context;
    const [cluster, redis] = await Promise.all([startThreeBrokers(context), startFeatureStore(context)]);
    const stage = await setPipeline(context, { brokers: cluster.bootstrap, redis, replicas: 3, partitions: 6 });
    const { fleet, load, pipeline } = stage;
    await fleet.start(0, 1);
    const watch = new ProgressWatch(context, pipeline);
    let isOver = false;
    const victims = rolesFor(context);
    const breaking = async (): Promise<void> => {
      for (const role of victims) {
        await pause(5_000, signal);
        const id = await brokerOf(role, pipeline);
        say(`kill -9 of broker ${id} (${role})`);
        await crash(cluster.node(id));
        await pause(8_000, signal);
        await cluster.node(id).restart();
        await inSync(context, pipeline, cluster);
        // Each fault for itself: the workers have come over this one before the next.
        await watch.untilMoving(signal);
      }
      await pause(3_000, signal);
    };
    await Promise.all([load.paced(500, 300_000, () => isOver), breaking().finally(() => (isOver = true))]);
    return await withProgress(context, watch, () => settle(context, stage, { faults: victims.length }), 30_000);
  },
};

/** Whose death hurts most: a leader loses produce requests, a coordinator positions, membership or the end of transactions. */
type Role = 'leader' | 'group coordinator' | 'transaction coordinator';

/** With at-least-once there are no transactions to coordinate. */
function rolesFor({ delivery, isQuick }: ScenarioContext): readonly Role[] {
  if (isQuick) return ['leader'];
  return delivery === 'exactly-once' ? ['leader', 'group coordinator', 'transaction coordinator'] : ['leader', 'group coordinator'];
}

async function brokerOf(role: Role, { admin, brokers }: ChaosPipeline): Promise<number> {
  if (role === 'group coordinator') return await coordinatorOf(brokers, 'group', GROUP);
  if (role === 'transaction coordinator') return await coordinatorOf(brokers, 'transaction', transactionalIdOf(0));
  const { topics } = await admin.fetchTopicMetadata({ topics: [TOPICS.predictions] });
  return topics[0]!.partitions[0]!.leader;
}

/** Waits until all replicas of our topics, and of what the coordinators keep, are in sync again, so that the next loss is the only one. */
async function inSync({ delivery, signal }: ScenarioContext, { admin }: ChaosPipeline, cluster: KafkaCluster): Promise<void> {
  const kept = ['__consumer_offsets', ...(delivery === 'exactly-once' ? ['__transaction_state'] : [])];
  const topics = [...Object.values(TOPICS), ...Object.values(DRIFT_TOPICS), ...kept];
  const isWhole = async (): Promise<boolean> => {
    const metadata = await admin.fetchTopicMetadata({ topics }).catch(() => undefined);
    return metadata?.topics.every(({ partitions }) => partitions.every(({ isr }) => isr.length === cluster.nodes.length)) ?? false;
  };
  await until(isWhole, { signal, timeoutMs: 60_000, what: 'replicas in sync' });
}

/** The connection breaks, or the coordinator is slow, just when a worker settles. */
export const coordinatorCut: Scenario = {
  name: 'coordinator-cut',
  faults:
    'a proxy cuts, before or after they take effect, or delays one in five requests that settle (EndTxn, TxnOffsetCommit, OffsetCommit, Produce)',
  holds: 'no torn transaction: nothing lost, nothing duplicated (at-least-once: equal ids)',
  deliveries: BOTH,
  async run(context) {
    const { delivery, isQuick, random } = context;
    const proxy = await startKafkaProxy();
    context.defer(() => proxy.close());
    const stage = await setStage(context, { proxy, pipeline: { partitions: 4 } });
    const { fleet, load } = stage;
    await fleet.start(0, 1);
    let faults = 0;
    const attacked: readonly number[] =
      delivery === 'exactly-once' ? [API.endTxn, API.txnOffsetCommit, API.addOffsetsToTxn] : [API.produce, API.offsetCommit];
    const treatments: readonly (() => Treatment)[] = [
      () => 'cut-before',
      () => 'cut-after',
      () => ({ delayMs: wholeBetween(random, 200, 2_000) }),
    ];
    proxy.treat = ({ apiKey, clientId }) => {
      if (!clientId.startsWith(CLIENT) || !attacked.includes(apiKey) || random() > 0.2) return 'pass';
      faults++;
      return treatments[wholeBetween(random, 0, 2)]!();
    };
    await load.paced(500, isQuick ? 12_000 : 25_000);
    proxy.treat = () => 'pass';
    const findings = await settle(context, stage, { faults });
    return faults > 0 ? findings : { ...findings, problems: [...findings.problems, 'the proxy found no request to attack'] };
  },
};
