import { describe, expect, it } from 'vitest';
import { nodeFromText, redisPlace, type RedisPlaceOptions } from '../../../src/features/redis-place.ts';

describe('redisPlace', () => {
  it('reads a URL, and keeps its credentials out of the address', () => {
    const place = redisPlace({ url: 'rediss://us%40er:p%3Aw@host:1234/2' });
    expect(place).toMatchObject({ kind: 'server', address: 'host:1234/2', access: { username: 'us@er', password: 'p:w', tls: {} } });
    expect(place.kind === 'server' && place.url.href).toBe('rediss://host:1234/2');
    expect(redisPlace({ url: 'redis://:old@host', password: 'new' })).toMatchObject({
      address: 'host:6379',
      access: { username: undefined, password: 'new', tls: undefined },
    });
  });

  it('reads sentinels and clusters', () => {
    const sentinel = { master: 'main', nodes: ['a:1', '[::1]:2'], username: 'su', password: 'sp' };
    expect(redisPlace({ sentinel, username: 'u', password: 'p', database: 3, tls: true })).toEqual({
      kind: 'sentinel',
      master: 'main',
      nodes: [
        { host: 'a', port: 1 },
        { host: '::1', port: 2 },
      ],
      sentinelUsername: 'su',
      sentinelPassword: 'sp',
      database: 3,
      access: { username: 'u', password: 'p', tls: {} },
      address: 'main/3 by sentinels a:1,[::1]:2',
    });
    expect(redisPlace({ cluster: { nodes: ['a:1', 'b:2'] } })).toMatchObject({ kind: 'cluster', address: 'cluster a:1,b:2' });
  });

  it.each<[RedisPlaceOptions, string]>([
    [{}, 'needs one of url, sentinel and cluster'],
    [{ url: 'redis://h', cluster: { nodes: ['a:1'] } }, 'needs one of url, sentinel and cluster'],
    [{ url: 'http://h' }, 'must look like redis://host:6379'],
    [{ url: 'redis://us%zzer@h' }, 'must look like redis://host:6379'],
    ...['a', 'redis://h:6379', 'u:p@h:6379', 'h:1,g:2', 'h:99999', 'h:0', ' h:6379', '[]:6379'].map((node): [RedisPlaceOptions, string] => [
      { cluster: { nodes: [node] } },
      'must be written host:port, without redis:// and credentials',
    ]),
    [{ url: 'rediss://h', tls: { caFile: 'no.pem' } }, 'tls of a redis store.caFile: cannot read no.pem'],
  ])('refuses %j', (options, message) => {
    expect(() => redisPlace(options)).toThrow(
      expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining(message) }),
    );
  });
});

it.each([
  ['h:1', 'h', 1],
  ['::1:6379', '::1', 6379],
  ['[2001:db8::1]:6379', '2001:db8::1', 6379],
])('nodeFromText %s', (text, host, port) => {
  expect(nodeFromText(text)).toEqual({ host, port });
});
