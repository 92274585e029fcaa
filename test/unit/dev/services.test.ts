import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { startServices } from '../../../src/dev/index.ts';

const log = (): void => undefined;

afterEach(() => vi.unstubAllEnvs());

test('uses endpoints that are given, and leaves out what is not asked for', async () => {
  const services = await startServices({
    needs: ['kafka', 'redis', 'kafka'],
    log,
    env: { WEIR_KAFKA_BROKERS: 'a:1,b:2', WEIR_REDIS_URL: 'redis://c:3', WEIR_REGISTRY_URL: 'http://unused' },
  });
  expect(services).toMatchObject({ kafkaBrokers: 'a:1,b:2', redisUrl: 'redis://c:3', registryUrl: '', how: 'kafka, redis: given' });
  expect(services.release()).toBe('');
  await services.stop();
});

test('says in one message what is missing and what would be enough', async () => {
  const cache = await mkdtemp(join(tmpdir(), 'weir-services-test-'));
  vi.stubEnv('XDG_CACHE_HOME', cache);
  vi.stubEnv(
    'PATH',
    '/bin:/usr/bin'
      .split(':')
      .map((folder) => join(cache, folder))
      .join(':'),
  );
  vi.stubEnv('JAVA_HOME', '');
  const starting = startServices({ needs: ['kafka', 'registry'], log, env: { WEIR_SERVICES: 'java', WEIR_REDIS_URL: '' } });
  await expect(starting).rejects.toMatchObject({
    name: 'DevServicesError',
    message: [
      'could not bring up kafka, registry:',
      '- Java 17 or later is needed (JAVA_HOME or PATH): there is none',
      'One of these is enough: a running Docker daemon; Java 17 or later with Maven 3.6 or later;',
      'or services of your own, named by WEIR_KAFKA_BROKERS, WEIR_REGISTRY_URL.',
    ].join('\n'),
  });
  await rm(cache, { recursive: true });
});

test('refuses an unknown way', async () => {
  const starting = startServices({ needs: ['redis'], log, env: { WEIR_SERVICES: 'podman' } });
  await expect(starting).rejects.toThrow('WEIR_SERVICES is "podman"; it can be docker or java');
});

test('refuses a version of Kafka that it cannot start', async () => {
  const starting = startServices({ needs: ['kafka'], log, env: { WEIR_SERVICES: 'java', WEIR_KAFKA_VERSION: '2.8.0' } });
  await expect(starting).rejects.toThrow('Kafka 2.8.0 cannot be started here');
});
