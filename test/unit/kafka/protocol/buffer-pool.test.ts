import { expect, test } from 'vitest';
import { OutputRecords } from '../../../../src/core/outputs.ts';
import { BufferPool, LEAST_POOLED_BYTES } from '../../../../src/kafka/protocol/buffer-pool.ts';
import { installColumnarProduce } from '../../../../src/kafka/protocol/columnar-produce.ts';
import { kafkajsInternal } from '../../../../src/kafka/protocol/guard.ts';
import { PartitionDraft, recordBytes } from '../../../../src/kafka/protocol/partition-draft.ts';

test('memory is used again when it is given back, if it is large enough', () => {
  const pool = new BufferPool(2);
  const [a, b, c] = [pool.take(100_000), pool.take(100_000), pool.take(500_000)];
  expect(new Set([a.buffer, b.buffer, c.buffer]).size).toBe(3);
  pool.giveBack(a.subarray(5, 9));
  expect(pool.take(500_000).buffer).not.toBe(a.buffer);
  expect(pool.take(LEAST_POOLED_BYTES).buffer).toBe(a.buffer);
  for (const buffer of [a, b, c]) pool.giveBack(buffer);
  expect(pool.take(500_000).buffer, 'two pieces are kept').not.toBe(c.buffer);
});

test('what is small or huge is not kept', () => {
  const pool = new BufferPool(8, 1 << 20);
  for (const size of [LEAST_POOLED_BYTES - 1, (1 << 20) + 1]) {
    const buffer = pool.take(size);
    expect(buffer).toHaveLength(size);
    pool.giveBack(buffer);
    expect(pool.take(size).buffer).not.toBe(buffer.buffer);
  }
});

interface Request {
  readonly request: { encode(): Promise<{ readonly buf: Buffer }> };
  readonly response: { decode(raw: Buffer): Promise<unknown> };
}

test('the memory of a produce request is used again when its answer is there, and not before', async () => {
  installColumnarProduce();
  const { requests } = kafkajsInternal<{ requests: { Produce: { protocol(o: { version: number }): (given: object) => Request } } }>(
    'src/protocol/requests/index.js',
  );
  const produce = (): Request => {
    const records = new OutputRecords('t');
    records.push({ timestampMs: 1, key: null, value: Buffer.alloc(200_000) });
    const messages = new PartitionDraft();
    messages.add(records, 0, recordBytes(records, 0));
    return requests.Produce.protocol({ version: 7 })({
      acks: -1,
      timeout: 1,
      topicData: [{ topic: 't', partitions: [{ partition: 0, messages }] }],
    });
  };
  const answer = Buffer.alloc(8); // No topics, no throttling.
  const first = produce();
  const { buffer: memory } = (await first.request.encode()).buf;
  expect((await produce().request.encode()).buf.buffer).not.toBe(memory);
  await first.response.decode(answer);
  expect((await produce().request.encode()).buf.buffer).toBe(memory);
  // It is another request's now, whatever is answered again.
  await first.response.decode(answer);
  expect((await produce().request.encode()).buf.buffer).not.toBe(memory);
});
