import { describe, expect, it } from 'vitest';
import { type Encoder, errorFromCode } from '../../../../src/kafka/protocol/flexible.ts';
import { sendMembersWithOffsets, txnOffsetCommit, withMember } from '../../../../src/kafka/protocol/txn-offset-commit.ts';
import { fakeBroker } from './transactions.ts';

const ARGS = {
  transactionalId: 'tx',
  groupId: 'gr',
  producerId: '258',
  producerEpoch: 3,
  topics: [
    {
      topic: 'in',
      partitions: [
        { partition: 4, offset: '4294967297', metadata: 'é' },
        { partition: 5, offset: '6' },
      ],
    },
  ],
};

describe('TxnOffsetCommit version 3', () => {
  it('writes what the protocol specification says', async () => {
    const { request } = txnOffsetCommit(ARGS, { generationId: 9, memberId: 'me' });
    expect([request.apiKey, request.apiVersion]).toEqual([28, 3]);
    // biome-ignore format: a field a line
    expect([...((await request.encode()) as Encoder).buffer]).toEqual([
      0, // no tagged fields in the header
      3, 0x74, 0x78, // transactional id
      3, 0x67, 0x72, // group id
      0, 0, 0, 0, 0, 0, 1, 2, // producer id
      0, 3, // producer epoch
      0, 0, 0, 9, // generation
      3, 0x6d, 0x65, // member id
      0, // no group instance id
      2, // one topic
      3, 0x69, 0x6e, // its name
      3, // two partitions
      0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 3, 0xc3, 0xa9, 0, // index, offset, leader epoch, metadata, tags
      0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 6, 0xff, 0xff, 0xff, 0xff, 1, 0,
      0, // tags of the topic
      0, // tags of the request
    ]);
    const withInstance = txnOffsetCommit(ARGS, { generationId: 9, memberId: 'me', groupInstanceId: 'a' });
    expect([...((await withInstance.request.encode()) as Encoder).buffer].slice(24, 27)).toEqual([2, 0x61, 2]);
  });

  it('reads the answer, tagged fields and all, and throws the first error code', async () => {
    const { response } = txnOffsetCommit(ARGS, { generationId: 9, memberId: 'me' });
    // biome-ignore format: a field a line
    const answer = (errorCode: number): Buffer => Buffer.from([
      1, 7, 2, 0xaa, 0xbb, // a tagged field in the header
      0, 0, 0, 11, // throttle time
      2, 3, 0x69, 0x6e, // one topic and its name
      3, // two partitions
      0, 0, 0, 4, 0, 0, 0,
      0, 0, 0, 5, 0, errorCode, 1, 0, 1, 0xff, // the second with a tagged field
      0, 0, // tags of topic and response
    ]);
    const decoded = await response.decode(answer(0));
    expect(decoded).toEqual({
      clientSideThrottleTime: 11,
      topics: [
        {
          topic: 'in',
          partitions: [
            { partition: 4, errorCode: 0 },
            { partition: 5, errorCode: 0 },
          ],
        },
      ],
    });
    expect(await response.parse(decoded as never)).toBe(decoded);
    await expect(response.parse((await response.decode(answer(22))) as never)).rejects.toMatchObject({ type: 'ILLEGAL_GENERATION' });
  });

  it('sends marked offsets only, and never less than version 3 in their place', async () => {
    const fake = fakeBroker(['fenced', errorFromCode(25)]);
    sendMembersWithOffsets(fake.broker);
    const send = fake.broker.txnOffsetCommit as (args: typeof ARGS) => Promise<unknown>;
    expect(await send(ARGS)).toBe('stock');
    const marked = { ...ARGS, topics: withMember([...ARGS.topics], { generationId: 1, memberId: 'me' }) };
    expect(await send(marked)).toBe('fenced');
    await expect(send(marked)).rejects.toMatchObject({ type: 'UNKNOWN_MEMBER_ID' });
    const old = fakeBroker([], 2);
    sendMembersWithOffsets(old.broker);
    await expect((old.broker.txnOffsetCommit as typeof send)(marked)).rejects.toMatchObject({ code: 'config_invalid' });
    expect(old.sent).toEqual([]);
  });
});
