import { describe, expect, it } from 'vitest';
import type { BrokerInternals } from '../../../../src/kafka/protocol/cluster-extension.ts';
import { errorFromCode } from '../../../../src/kafka/protocol/flexible.ts';
import { kafkajsInternal } from '../../../../src/kafka/protocol/guard.ts';
import { CONCURRENT_TRANSACTIONS_DEADLINE_MS, retryConcurrentTransactions } from '../../../../src/kafka/protocol/transaction-retry.ts';
import { CONCURRENT_TRANSACTIONS, fakeBroker, hastyClock, INVALID_PRODUCER_EPOCH } from './transactions.ts';

const METHODS = ['initProducerId', 'addPartitionsToTxn', 'addOffsetsToTxn'] as const;

interface EosManager {
  initProducerId(): Promise<void>;
  beginTransaction(): void;
  sendOffsets(offsets: { consumerGroupId: string; topics: object[] }): Promise<void>;
}

/** Sends offsets in a transaction with kafkajs' own manager of transactions over one broker. */
async function sendOffsets(broker: BrokerInternals): Promise<void> {
  const createManager = kafkajsInternal<(options: object) => EosManager>('src/producer/eosManager/index.js');
  const manager = createManager({
    logger: { debug: () => {}, error: () => {} },
    cluster: { retry: { retries: 5 }, refreshMetadataIfNecessary: async () => {}, findGroupCoordinator: async () => broker },
    ...{ transactional: true, transactionalId: 'x' },
  });
  await manager.initProducerId();
  manager.beginTransaction();
  await manager.sendOffsets({ consumerGroupId: 'g', topics: [] });
}

describe('retryConcurrentTransactions', () => {
  it('is there because stock gives a transaction up whose offsets come while the last one is being completed', async () => {
    const started = { producerId: '1', producerEpoch: 0 };
    const { broker: stock } = fakeBroker([]);
    let refusals = 2;
    Object.assign(stock, {
      initProducerId: async () => started,
      addOffsetsToTxn: async () => {
        if (refusals-- > 0) throw errorFromCode(CONCURRENT_TRANSACTIONS);
      },
    });
    await expect(sendOffsets(stock)).rejects.toMatchObject({ type: 'CONCURRENT_TRANSACTIONS' });
    expect(refusals).toBe(1); // It asked once.

    const extended = fakeBroker([started, CONCURRENT_TRANSACTIONS, CONCURRENT_TRANSACTIONS, {}]);
    retryConcurrentTransactions(extended.broker, hastyClock());
    await sendOffsets(extended.broker);
    expect(extended.answers).toEqual([]);
  });

  it.each(METHODS)('%s is repeated after growing pauses of milliseconds, without a log line', async (method) => {
    const clock = hastyClock();
    const fake = fakeBroker([...new Array<number>(9).fill(CONCURRENT_TRANSACTIONS), 'done']);
    retryConcurrentTransactions(fake.broker, clock);
    expect(await fake.broker[method]({} as never)).toBe('done');
    expect(clock.pauses.slice(0, 4)).toEqual([2, 3, 4.5, 6.75]);
    expect(Math.max(...clock.pauses)).toBe(20);
    expect(fake.sent.every(({ logResponseError }) => logResponseError === false)).toBe(true);
  });

  it('gives the error to kafkajs at the deadline, and other errors at once', async () => {
    const clock = hastyClock();
    const fake = fakeBroker(new Array<number>(1_000).fill(CONCURRENT_TRANSACTIONS));
    retryConcurrentTransactions(fake.broker, clock);
    await expect(fake.broker.addPartitionsToTxn({} as never)).rejects.toMatchObject({ type: 'CONCURRENT_TRANSACTIONS' });
    expect(clock.monotonicMs()).toBeLessThanOrEqual(CONCURRENT_TRANSACTIONS_DEADLINE_MS);
    expect(clock.monotonicMs()).toBeGreaterThan(CONCURRENT_TRANSACTIONS_DEADLINE_MS - 25);
    fake.answers = [INVALID_PRODUCER_EPOCH];
    await expect(fake.broker.addOffsetsToTxn({} as never)).rejects.toMatchObject({ type: 'INVALID_PRODUCER_EPOCH' });
  });

  it('leaves EndTxn and the offsets alone', async () => {
    const fake = fakeBroker([]);
    retryConcurrentTransactions(fake.broker);
    expect(await Promise.all([fake.broker.endTxn({} as never), fake.broker.txnOffsetCommit({} as never)])).toEqual(['stock', 'stock']);
  });
});
