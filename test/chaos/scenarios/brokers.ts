/** Faults of the brokers: killed, restarted, slow, cut off in the worst moment. */
import type { KafkaCluster } from '../../../src/dev/index.ts';
import { ProgressWatch } from '../faults.ts';
import { API, startKafkaProxy, type Treatment } from '../kafka-proxy.ts';
import { type ChaosPipeline, CLIENT, GROUP, TOPICS } from '../pipeline.ts';
import { wholeBetween } from '../random.ts';
import { pause, type Scenario, until } from '../scenario.ts';
import { crash, startFeatureStore, startThreeBrokers } from '../services.ts';
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

/** Three brokers lose the leader of a partition, then the coordinators. */
export const clusterFailover: Scenario = {
  name: 'cluster-failover',
  faults: 'three brokers (RF 3, min ISR 2): kill -9 of a leader, then of the group coordinator, each restarted',
  holds: 'the workers go on by themselves; nothing lost, nothing duplicated (at-least-once: equal ids); no gap > 30 s',
  deliveries: BOTH,
  async run(context) {
    const { isQuick, signal, say } = context;
    const [cluster, redis] = await Promise.all([startThreeBrokers(context), startFeatureStore(context)]);
    const stage = await setPipeline(context, { brokers: cluster.bootstrap, redis, replicas: 3, partitions: 6 });
    const { fleet, load, pipeline } = stage;
    await fleet.start(0, 1);
    const watch = new ProgressWatch(context, pipeline);
    let isOver = false;
    const victims = isQuick ? (['leader'] as const) : (['leader', 'coordinator'] as const);
    const breaking = async (): Promise<void> => {
      for (const role of victims) {
        await pause(5_000, signal);
        const id = await brokerOf(role, pipeline);
        say(`kill -9 of broker ${id} (${role})`);
        await crash(cluster.node(id));
        await pause(8_000, signal);
        await cluster.node(id).restart();
        await inSync(pipeline, cluster, signal);
      }
      await pause(3_000, signal);
    };
    await Promise.all([load.paced(500, 300_000, () => isOver), breaking().finally(() => (isOver = true))]);
    return await withProgress(context, watch, () => settle(context, stage, { faults: victims.length }), 30_000);
  },
};

async function brokerOf(role: 'leader' | 'coordinator', { admin }: ChaosPipeline): Promise<number> {
  if (role === 'leader') {
    const { topics } = await admin.fetchTopicMetadata({ topics: [TOPICS.predictions] });
    return topics[0]!.partitions[0]!.leader;
  }
  const { topics } = await admin.fetchTopicMetadata({ topics: ['__consumer_offsets'] });
  const { partitions } = topics[0]!;
  return partitions.find(({ partitionId }) => partitionId === javaHash(GROUP) % partitions.length)!.leader;
}

/** `String.hashCode` of Java without its sign: Kafka's partition of a group in `__consumer_offsets` (`partitionFor`). */
function javaHash(text: string): number {
  let hash = 0;
  for (const character of text) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0;
  return hash & 0x7fff_ffff;
}

/** Waits until all replicas of our topics are in sync again, so that the next loss is the only one. */
async function inSync({ admin }: ChaosPipeline, cluster: KafkaCluster, signal: AbortSignal): Promise<void> {
  const isWhole = async (): Promise<boolean> => {
    const metadata = await admin.fetchTopicMetadata({ topics: [...Object.values(TOPICS), '__consumer_offsets'] }).catch(() => undefined);
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
