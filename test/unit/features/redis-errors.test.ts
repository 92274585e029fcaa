import { describe, expect, it } from 'vitest';
import { WeirError } from '../../../src/core/errors.ts';
import { DeadlineError, storeErrorFrom } from '../../../src/features/redis-errors.ts';

const named = (name: string, message: string, more: object = {}): Error => Object.assign(new Error(message), { name }, more);
const reply = (message: string): Error =>
  named('ReplyError', message, { command: { name: 'mget', args: ['features:plane:secret-entity'] } });

describe('storeErrorFrom', () => {
  it.each([
    reply('LOADING Redis is loading the dataset in memory'),
    reply("READONLY You can't write against a read only replica."),
    reply('CLUSTERDOWN The cluster is down'),
    reply("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
    reply('BUSY Redis is busy running a script.'),
    reply("OOM command not allowed when used memory > 'maxmemory'."),
    reply('ERR max number of clients reached'),
    named('AbortError', 'Command aborted due to connection close'),
    named('MaxRetriesPerRequestError', 'Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option.'),
    new Error('Connection is closed.'),
    new Error("Stream isn't writeable and enableOfflineQueue options is false"),
    new Error("Socket timeout. Expecting data, but didn't receive any in 2000ms."),
    new Error('connect ETIMEDOUT'),
    named('Error', 'connect ECONNREFUSED 127.0.0.1:1', { code: 'ECONNREFUSED' }),
    named('Error', 'getaddrinfo ENOTFOUND redis', { code: 'ENOTFOUND' }),
    named('AggregateError', '', { code: 'ECONNREFUSED' }),
    new DeadlineError('no answer within 250 ms'),
    new Error("Cluster isn't ready and enableOfflineQueue options is false"),
    new Error('None of startup nodes is available'),
    new Error('Too many Cluster redirections. Last error: ReplyError: MOVED 1 h:1'),
    named('ClusterAllFailedError', 'Failed to refresh slots cache.', { lastNodeError: new Error('Connection is closed.') }),
    new Error('All sentinels are unreachable. Retrying from scratch after 50ms. Last error: Connection is closed.'),
    named('ClusterAllFailedError', 'Failed to refresh slots cache.', { lastNodeError: new Error('timeout') }),
    named('ClusterAllFailedError', 'Failed to refresh slots cache.', { lastNodeError: null }),
    new Error('Node is disconnected'),
    new Error('TRYAGAIN Slots of the cluster are moving'),
  ])('waits after $message', (thrown) => {
    expect(storeErrorFrom(thrown, 'here:1').code).toBe('store_unavailable');
  });

  it.each([
    reply('NOAUTH Authentication required.'),
    reply('WRONGPASS invalid username-password pair or user is disabled.'),
    reply("NOPERM this user has no permissions to run the 'mget' command or its subcommand"),
    reply('ERR invalid password'),
    reply('ERR DB index is out of range'),
    reply('ERR invalid DB index'),
    reply('MOVED 3999 127.0.0.1:6381'),
    reply('WRONGTYPE Operation against a key holding the wrong kind of value'),
    named('ParserError', 'Protocol error, got "H" as reply type byte'),
    named('Error', 'self-signed certificate', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }),
    named('Error', 'wrong version number', { code: 'ERR_SSL_WRONG_VERSION_NUMBER' }),
    new Error('Ready check failed: NOAUTH Authentication required.'),
    named('ClusterAllFailedError', 'Failed to refresh slots cache.', {
      lastNodeError: reply('ERR This instance has cluster support disabled'),
    }),
    reply("CROSSSLOT Keys in request don't hash to the same slot"),
    new Error('All sentinels are unreachable. Retrying from scratch after 50ms. Last error: ERR No such master with that name'),
    new Error('All sentinels are unreachable. Retrying from scratch after 50ms. Last error: NOAUTH Authentication required.'),
  ])('stops after $message', (thrown) => {
    expect(storeErrorFrom(thrown, 'here:1').code).toBe('store_misconfigured');
  });

  it.each([reply("ERR unknown command 'MGET'"), new TypeError('x is not a function'), 'a text', undefined])(
    'does not know %s',
    (thrown) => {
      expect(storeErrorFrom(thrown, 'here:1').code).toBe('unknown');
    },
  );

  it('names the store, and leaves the keys of the command out', () => {
    const error = storeErrorFrom(reply('NOAUTH Authentication required.'), 'here:1');
    expect(error.message).toBe('Redis at here:1: NOAUTH Authentication required.');
    expect(error.cause).not.toHaveProperty('command');
  });

  it('leaves errors of the table as they are', () => {
    const error = new WeirError('config_invalid', 'no');
    expect(storeErrorFrom(error, 'here:1')).toBe(error);
  });
});
