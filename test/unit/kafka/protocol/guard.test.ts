import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Kafka, type PartitionAssigner } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BrokerInternals } from '../../../../src/kafka/protocol/cluster-extension.ts';
import type { FetchBroker } from '../../../../src/kafka/protocol/columnar-fetch.ts';
import type { GroupHooks } from '../../../../src/kafka/protocol/group-hooks.ts';

const FOLDER = '../../../../src/kafka/protocol';
const require = createRequire(import.meta.url);
const packageFile = require.resolve('kafkajs/package.json');
const installed = require('kafkajs/package.json') as { version: string };

/** Has everything that asks for it from now on find another version of kafkajs, and forget what it knows of this one. */
function installVersion(version: string): void {
  require.cache[packageFile]!.exports = { ...installed, version };
  vi.resetModules();
}

const kafka = new Kafka({ brokers: ['127.0.0.1:1'] });
const options = { maxWaitTimeMs: 1, minBytes: 1, maxBytes: 1, isolation: 'read_committed' } as const;

/** What each extension of kafkajs is begun with, after the import of its file, which is where some look already. */
const EXTENSIONS: Readonly<Record<string, () => Promise<unknown>>> = {
  cluster: async () => (await import(`${FOLDER}/cluster.ts`)).createCluster(kafka),
  'cluster-extension': async () => (await import(`${FOLDER}/cluster-extension.ts`)).withClusterExtension(kafka, () => {}),
  'columnar-fetch': async () => (await import(`${FOLDER}/columnar-fetch.ts`)).fetchColumns({} as FetchBroker, [], options),
  'columnar-produce': async () => (await import(`${FOLDER}/columnar-produce.ts`)).installColumnarProduce(),
  'coordinator-cache': async () => await import(`${FOLDER}/coordinator-cache.ts`),
  flexible: async () => await import(`${FOLDER}/flexible.ts`),
  'framed-socket': async () => (await import(`${FOLDER}/framed-socket.ts`)).createFramedSockets(),
  'group-hooks': async () =>
    (await import(`${FOLDER}/group-hooks.ts`)).withGroupHooks((() => ({})) as unknown as PartitionAssigner, {} as GroupHooks),
  'join-until-closed': async () => await import(`${FOLDER}/join-until-closed.ts`),
  'idle-timer': async () => (await import(`${FOLDER}/idle-timer.ts`)).installIdleTimerFix(),
  'produce-once': async () =>
    (await import(`${FOLDER}/produce-once.ts`)).produceOnce({ produce: async () => {} } as unknown as BrokerInternals),
  'request-headroom': async () => (await import(`${FOLDER}/request-headroom.ts`)).installHeadroom(),
  'stable-offsets': async () => await import(`${FOLDER}/stable-offsets.ts`),
  'transaction-retry': async () => await import(`${FOLDER}/transaction-retry.ts`),
  'stock-fetch': async () => await import(`${FOLDER}/stock-fetch.ts`),
  'txn-offset-commit': async () => await import(`${FOLDER}/txn-offset-commit.ts`),
};

/** Files that load internals, and those that say in their head that they extend kafkajs: these must load some, too. */
function extensionFiles(): string[] {
  const folder = new URL(`${FOLDER}/`, import.meta.url);
  const extendsKafkajs = /^import (?!type)[^;]*'\.\/(guard|cluster-extension)\.ts'|^ \* (A guarded|Guarded access|An addition to kafkajs)/m;
  return readdirSync(folder)
    .filter((file) => file !== 'guard.ts' && extendsKafkajs.test(readFileSync(new URL(file, folder), 'utf8')))
    .map((file) => file.replace('.ts', ''));
}

describe('the guard of kafkajs’ internals', () => {
  it('loads them from the version that weir knows, and keeps what it has loaded', async () => {
    const { GUARDED_KAFKAJS_VERSION, kafkajsInternal } = await import(`${FOLDER}/guard.ts`);
    expect(installed.version).toBe(GUARDED_KAFKAJS_VERSION);
    expect(kafkajsInternal('src/protocol/error.js')).toBe(require('kafkajs/src/protocol/error.js'));
  });

  describe('with another version installed', () => {
    beforeEach(() => installVersion('2.3.0'));
    afterEach(() => installVersion(installed.version));

    it('refuses to load any, names both versions and says what to do', async () => {
      const { kafkajsInternal } = await import(`${FOLDER}/guard.ts`);
      expect(() => kafkajsInternal('src/protocol/error.js')).toThrow(
        expect.objectContaining({
          code: 'state_invalid',
          kind: 'fatal',
          message: 'weir extends internals of kafkajs 2.2.4, but 2.3.0 is installed. Run npm ci.',
        }),
      );
    });

    it.each(Object.entries(EXTENSIONS))('is asked by %s before anything is changed', async (_name, begin) => {
      await expect(begin()).rejects.toMatchObject({ code: 'state_invalid', message: expect.stringMatching(/2\.2\.4.*2\.3\.0.*npm ci/) });
    });

    it('keeps a client from being made, and with it every command from starting', async () => {
      const [{ createKafka }, { silentLogger }] = await Promise.all([
        import('../../../../src/kafka/client.ts'),
        import('../../../../src/core/silent.ts'),
      ]);
      expect(() => createKafka({ brokers: ['127.0.0.1:1'], clientId: 'test', ssl: false }, silentLogger)).toThrow(/2\.3\.0 is installed/);
    });
  });

  it('is asked by everything that extends kafkajs', () => {
    expect(extensionFiles().filter((file) => !(file in EXTENSIONS))).toEqual([]);
  });
});
