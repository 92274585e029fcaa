import { describe, expect, it } from 'vitest';
import { OutputRecords } from '../../../../src/core/outputs.ts';
import { recordBytes, TopicDraft } from '../../../../src/kafka/protocol/partition-draft.ts';
import { stockMessages } from '../../../../src/kafka/protocol/stock-messages.ts';

describe('stockMessages', () => {
  it('makes a message of each record, in the order of its partition, from several outputs', () => {
    const value = Buffer.from('v');
    const [first, second] = [new OutputRecords('t'), new OutputRecords('t')];
    first.push({ timestampMs: 1, key: Buffer.from('a'), value });
    first.push({ timestampMs: 2, key: null, value: null });
    second.push({
      timestampMs: 3,
      key: Buffer.alloc(0),
      value,
      headers: [
        { key: 'h', value },
        { key: 'other', value: null },
        { key: 'h', value: Buffer.from('w') },
      ],
    });
    const draft = new TopicDraft();
    const add = (records: OutputRecords, i: number, partition: number): void =>
      draft.of(partition).add(records, i, recordBytes(records, i));
    add(first, 1, 4);
    add(first, 0, 7);
    add(second, 0, 4);
    expect(stockMessages(draft)).toEqual([
      { partition: 4, key: null, value: null, timestamp: '2', headers: {} },
      { partition: 4, key: Buffer.alloc(0), value, timestamp: '3', headers: { h: [value, Buffer.from('w')], other: Buffer.alloc(0) } },
      { partition: 7, key: Buffer.from('a'), value, timestamp: '1', headers: {} },
    ]);
  });
});
