import { expect, it } from 'vitest';
import { isClusterDown, redirectionOf } from '../../../../src/features/cluster/redirections.ts';
import { repliesOf } from '../wire/resp.ts';

it.each([
  [new Error('MOVED 3999 127.0.0.1:6381'), { node: { host: '127.0.0.1', port: 6381 }, isAsking: false }],
  [new Error('ASK 3999 redis-3.example.com:6379'), { node: { host: 'redis-3.example.com', port: 6379 }, isAsking: true }],
  [new Error('MOVED 3999 2001:db8::1:6379'), { node: { host: '2001:db8::1', port: 6379 }, isAsking: false }],
  [new Error('MOVED 3999 :6381'), { node: { host: '', port: 6381 }, isAsking: false }],
  [new Error('ASKED 3999 a:1'), undefined],
  [new Error('MOVED'), undefined],
  [new Error('WRONGTYPE Operation against a key'), undefined],
  ['MOVED 3999 127.0.0.1:6381', undefined],
  [['MOVED 3999 127.0.0.1:6381'], undefined],
  [null, undefined],
])('%s', (reply, expected) => {
  expect(redirectionOf(repliesOf('before', reply), 1)).toEqual(expected);
});

it('tells a node that has lost its cluster', () => {
  const replies = repliesOf(new Error('CLUSTERDOWN The cluster is down'), new Error('CROSSSLOT Keys'), 'CLUSTERDOWN', null);
  expect([0, 1, 2, 3].map((reply) => isClusterDown(replies, reply))).toEqual([true, false, false, false]);
});
