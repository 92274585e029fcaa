import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { plain } from '../../src/cli/terminal.ts';
import { silentLogger } from '../../src/core/silent.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { services, uniqueName } from '../support/services.ts';

const name = uniqueName('cli');
let folder: string;
let config: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-cli-'));
  config = join(folder, 'weir.yaml');
  mkdirSync(join(folder, 'model'));
  writeFileSync(join(folder, 'model', 'model.yaml'), '');
  writeFileSync(join(folder, 'event.avsc'), '"long"');
  writeFileSync(
    config,
    `name: ${name}
kafka: {brokers: "\${BROKERS}"}
input: {topic: ${name}.in, format: plain, schema: event.avsc, topicConfig: {retention.ms: -1}}
stores: {main: {kind: redis, url: "\${REDIS}"}}
features:
  route: {store: main, entity: event.route, keyPrefix: "${name}:route:", ttlSeconds: 60}
model: {package: model}
output: {predictions: {topicConfig: {message.timestamp.type: LogAppendTime}}}
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

async function weir(...args: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const { kafkaBrokers, redisUrl } = services();
  const [stdout, stderr]: [string[], string[]] = [[], []];
  const exitCode = await runProgram([...args, '--config', config], {
    env: { BROKERS: kafkaBrokers, REDIS: redisUrl },
    style: plain,
    out: (line) => void stdout.push(line),
    err: (line) => void stderr.push(line),
    progress: () => {},
  });
  return { exitCode, stdout: stdout.join('\n'), stderr: stderr.join('\n') };
}

/** Topics of a pipeline with drift, without its prefix. */
const TOPICS = [
  ...['in', 'predictions', 'dead-letters'],
  ...['drift-profiles', 'drift-statistics', 'drift-counts', 'drift-state', 'retrain-requests'],
];

describe('weir topics apply on a real cluster', () => {
  it('needs the input topic, creates what is missing, and then finds everything as it should be', async () => {
    const missing = await weir('topics', 'apply');
    expect(missing.exitCode).toBe(1);
    expect(missing.stderr).toContain(`topic_missing`);

    const planned = await weir('topics', 'apply', '--dry-run', '--with-input', '3');
    expect(planned.exitCode).toBe(0);
    expect(planned.stdout.match(/would be created/g)?.length).toBe(TOPICS.length);

    const created = await weir('topics', 'apply', '--with-input', '3');
    expect(created.stderr).toBe('');
    expect(created.stdout.match(/ created/g)?.length).toBe(TOPICS.length);

    const again = await weir('topics', 'apply');
    expect(again.stdout.match(/ exists/g)?.length).toBe(TOPICS.length);
    // No notes below the table: real brokers report every setting as we wrote it.
    expect(again.stdout).not.toMatch(/^!/m);

    const admin = createKafka({ brokers: services().kafkaBrokers.split(','), clientId: name, ssl: false }, silentLogger).admin();
    await admin.connect();
    try {
      const { topics } = await admin.fetchTopicMetadata({
        topics: TOPICS.map((t) => `${name}.${t}`),
      });
      expect(Object.fromEntries(topics.map((topic) => [topic.name.slice(name.length + 1), topic.partitions.length]))).toEqual({
        in: 3,
        predictions: 3,
        'dead-letters': 3,
        'drift-profiles': 1,
        'drift-statistics': 1,
        'drift-counts': 1,
        'drift-state': 1,
        'retrain-requests': 1,
      });
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: 2, name: `${name}.drift-statistics`, configNames: ['cleanup.policy'] }],
      });
      expect(resources[0]?.configEntries[0]?.configValue.split(',').sort()).toEqual(['compact', 'delete']);
      // What differs is told and left alone. The brokers take a moment to agree on new partitions.
      await admin.createPartitions({ topicPartitions: [{ topic: `${name}.predictions`, count: 5 }] });
      await vi.waitFor(
        async () => {
          const differs = await weir('topics', 'apply');
          expect(differs.exitCode).toBe(0);
          expect(differs.stdout).toContain(`! ${name}.predictions has 5 partitions, not 3`);
        },
        { timeout: 20_000, interval: 200 },
      );
    } finally {
      await admin.deleteTopics({
        topics: TOPICS.map((t) => `${name}.${t}`),
      });
      await admin.disconnect();
    }
  });
});

describe('weir features load on a real Redis', () => {
  it('writes rows under entities of several fields, with timestamp and TTL', async () => {
    const file = join(folder, 'routes.ndjson');
    const rows = Array.from({ length: 2_500 }, (_, i) => ({
      origin: `O${i}`,
      dest: 'D',
      distance: i,
      late: i % 2 === 0,
      updatedAt: 1_700_000_000_000 + i,
    }));
    writeFileSync(file, rows.map((row) => JSON.stringify(row)).join('\n'));
    const loaded = await weir(
      'features',
      'load',
      '--group',
      'route',
      '--file',
      file,
      '--entity',
      'origin',
      'dest',
      '--separator',
      '-',
      '--timestamp',
      'updatedAt',
    );
    expect(loaded.stderr).toBe('');
    expect(loaded.exitCode).toBe(0);
    expect(loaded.stdout).toContain('2,500 rows of 2 features (distance, late)');

    const redis = new Redis(services().redisUrl);
    try {
      expect(JSON.parse((await redis.get(`${name}:route:O7-D`)) ?? 'null')).toEqual({ distance: 7, late: 0, _ts: 1_700_000_000_007 });
      expect(await redis.ttl(`${name}:route:O2499-D`)).toBeGreaterThan(0);
    } finally {
      await redis.del(rows.map(({ origin }) => `${name}:route:${origin}-D`));
      redis.disconnect();
    }
  });
});
