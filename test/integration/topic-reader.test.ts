import { describe, expect, it } from 'vitest';
import { OutputRecords } from '../../src/core/outputs.ts';
import { partitionRanges } from '../../src/kafka/topic-reader.ts';
import { TransactionWriter } from '../../src/kafka/transaction-writer.ts';
import { createTopic, testKafka } from '../support/kafka.ts';
import { produceRaw, readRaw } from '../support/raw-records.ts';
import { uniqueName } from '../support/services.ts';

describe('reading a topic without a group', { timeout: 60_000 }, () => {
  it('goes to the high watermark, and waits for a transaction that is still open or ends before it', async () => {
    const topic = uniqueName('open');
    await createTopic(topic);
    const kafka = testKafka();
    const stock = kafka.producer({ transactionalId: uniqueName('open'), maxInFlightRequests: 1, transactionTimeout: 30_000 });
    await stock.connect();
    try {
      await produceRaw(topic, [{ partition: 0, timestampMs: 1, key: null, value: Buffer.from('before'), headers: Buffer.alloc(0) }]);
      const transaction = await stock.transaction();
      await transaction.send({ topic, messages: [{ value: 'open' }] });
      await produceRaw(topic, [{ partition: 0, timestampMs: 1, key: null, value: Buffer.from('after'), headers: Buffer.alloc(0) }]);
      expect(await partitionRanges(kafka, topic)).toEqual([{ partition: 0, from: 0, to: 3 }]);
      expect(await partitionRanges(kafka, topic, Date.now() + 60_000)).toEqual([{ partition: 0, from: 3, to: 3 }]);
      expect((await readRaw(topic, 'stop')).map(({ value }) => value!.toString())).toEqual(['before']);
      const waiting = readRaw(topic, 'wait');
      await new Promise((resolve) => setTimeout(resolve, 700));
      await transaction.abort();
      expect((await waiting).map(({ value }) => value!.toString())).toEqual(['before', 'after']);
    } finally {
      await stock.disconnect();
    }
  });

  it('says which topic is missing', async () => {
    await expect(partitionRanges(testKafka(), uniqueName('nowhere'))).rejects.toMatchObject({ code: 'topic_missing' });
  });
});

describe('TransactionWriter', { timeout: 60_000 }, () => {
  it('shuts an older redrive out before it reads what has been done', async () => {
    const [dead, target] = [uniqueName('dead'), uniqueName('target')];
    await createTopic(dead);
    await createTopic(target);
    const options = { kafka: testKafka(), transactionalId: uniqueName('redrive'), topics: [dead, target] };
    const [older, newer] = [new TransactionWriter(options), new TransactionWriter(options)];
    const records = new OutputRecords(target);
    records.push({ timestampMs: 1, key: null, value: Buffer.from('v') });
    try {
      await older.start();
      await older.write([records]);
      await newer.start();
      await expect(older.write([records])).rejects.toMatchObject({ code: 'redrive_superseded' });
      await newer.write([records]);
      expect((await readRaw(target)).length).toBe(2);
    } finally {
      await Promise.all([older.close(), newer.close()]);
    }
  });

  it('aborts what a killed redrive left open, records and marker alike', async () => {
    const [dead, target] = [uniqueName('dead'), uniqueName('target')];
    await createTopic(dead);
    await createTopic(target);
    const transactionalId = uniqueName('redrive');
    const killed = testKafka().producer({ transactionalId, maxInFlightRequests: 1, transactionTimeout: 60_000 });
    await killed.connect();
    const writer = new TransactionWriter({ kafka: testKafka(), transactionalId, topics: [dead, target] });
    const [record, marker] = [new OutputRecords(target), new OutputRecords(dead)];
    record.push({ timestampMs: 1, key: null, value: Buffer.from('whole') });
    marker.push({ timestampMs: 1, key: null, value: null });
    try {
      const open = await killed.transaction();
      await open.send({ topic: target, messages: [{ value: 'torn' }] });
      await open.send({ topic: dead, messages: [{ value: 'torn' }] });
      await writer.start();
      await writer.write([record, marker]);
      expect((await readRaw(target)).map(({ value }) => value?.toString())).toEqual(['whole']);
      expect((await readRaw(dead)).map(({ value }) => value)).toEqual([null]);
    } finally {
      await Promise.all([killed.disconnect(), writer.close()]);
    }
  });
});
