import { describe, expect, it } from 'vitest';
import type { BrokerInternals, ClusterInternals, CoordinatorQuery } from '../../../../src/kafka/protocol/cluster-extension.ts';
import { rememberCoordinators } from '../../../../src/kafka/protocol/coordinator-cache.ts';
import { errorFromCode } from '../../../../src/kafka/protocol/flexible.ts';
import { fakeBroker, INVALID_PRODUCER_EPOCH } from './transactions.ts';

/** A cluster of one broker that remembers its coordinators, and what was looked up. */
function cluster(): { cluster: ClusterInternals; lookups: string[]; broker: BrokerInternals; brokers: Record<string, BrokerInternals> } {
  const lookups: string[] = [];
  const brokers: Record<string, BrokerInternals> = {};
  const made: ClusterInternals = {
    brokerPool: { brokers, createBroker: () => fakeBroker([]).broker },
    findGroupCoordinator: ({ groupId, coordinatorType }: CoordinatorQuery) => {
      lookups.push(`${coordinatorType ?? 0} ${groupId}`);
      return Promise.resolve(brokers['1']!);
    },
  };
  const original = { failing: false };
  made.brokerPool.createBroker = () => {
    const { broker } = fakeBroker([]);
    broker.endTxn = () => (original.failing ? Promise.reject(errorFromCode(INVALID_PRODUCER_EPOCH)) : Promise.resolve('done'));
    broker.initProducerId = () => Promise.reject(errorFromCode(16));
    return broker;
  };
  rememberCoordinators(made);
  brokers['1'] = made.brokerPool.createBroker({});
  return { cluster: made, lookups, broker: brokers['1'], brokers };
}

describe('rememberCoordinators', () => {
  const id = { groupId: 'x', coordinatorType: 1 } as const;

  it('looks a coordinator up once for each type and name', async () => {
    const { cluster: made, lookups, broker } = cluster();
    for (let i = 0; i < 3; i++) {
      expect(await made.findGroupCoordinator(id)).toBe(broker);
      await made.findGroupCoordinator({ groupId: 'x' });
      await made.findGroupCoordinator({ groupId: 'y', coordinatorType: 0 });
      expect(await broker.endTxn({} as never)).toBe('done');
    }
    expect(lookups).toEqual(['1 x', '0 x', '0 y']);
  });

  it('forgets all of them when a request to a coordinator fails', async () => {
    const { cluster: made, lookups, broker } = cluster();
    await made.findGroupCoordinator(id);
    await expect(broker.initProducerId({} as never)).rejects.toMatchObject({ type: 'NOT_COORDINATOR_FOR_GROUP' });
    await made.findGroupCoordinator(id);
    expect(lookups).toEqual(['1 x', '1 x']);
  });

  it('forgets a broker that is not connected or that kafkajs has replaced', async () => {
    const { cluster: made, lookups, broker, brokers } = cluster();
    await made.findGroupCoordinator(id);
    broker.isConnected = () => false;
    await made.findGroupCoordinator(id);
    broker.isConnected = () => true;
    brokers['1'] = made.brokerPool.createBroker({});
    expect(await made.findGroupCoordinator(id)).toBe(brokers['1']);
    expect(lookups).toHaveLength(3);
  });
});
