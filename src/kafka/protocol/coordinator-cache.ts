/**
 * A guarded extension of kafkajs 2.2.4: coordinators of transactions and groups are looked up once.
 *
 * kafkajs sends FindCoordinator before each AddPartitionsToTxn, AddOffsetsToTxn, TxnOffsetCommit and EndTxn: four round
 * trips more in a transaction of five. Here the answer is kept until a request to any coordinator fails, whatever the
 * error, or the broker's connection is gone; then the next request looks it up as in stock.
 */
import { COORDINATOR_METHODS, type BrokerInternals, type ClusterInternals, onEachBroker } from './cluster-extension.ts';

/** Lets a cluster remember its coordinators. Call it after other extensions of its brokers: what they repeat is no failure. */
export function rememberCoordinators(cluster: ClusterInternals): void {
  const known = new Map<string, BrokerInternals>();
  const find = cluster.findGroupCoordinator.bind(cluster);
  cluster.findGroupCoordinator = async (query) => {
    const key = `${query.coordinatorType ?? 0}:${query.groupId}`;
    const before = known.get(key);
    // A broker that kafkajs has replaced in its pool may live on another host now.
    if (before?.isConnected() && cluster.brokerPool.brokers[String(before.nodeId)] === before) return before;
    const coordinator = await find(query);
    known.set(key, coordinator);
    return coordinator;
  };
  onEachBroker(cluster, (broker) => {
    for (const method of COORDINATOR_METHODS) {
      const send = broker[method];
      broker[method] = async (args: never): Promise<unknown> => {
        try {
          return await send.call(broker, args);
        } catch (error) {
          known.clear();
          throw error;
        }
      };
    }
  });
}
