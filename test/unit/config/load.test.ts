import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { layoutOptions, loadPipelineFile, type PipelineConfig, parsePipeline } from '../../../src/config/index.ts';
import { WeirError } from '../../../src/core/errors.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-config-'));
  mkdirSync(join(folder, 'model'));
  writeFileSync(join(folder, 'model', 'model.yaml'), '');
  writeFileSync(join(folder, 'event.avsc'), '{}');
});
afterAll(() => rmSync(folder, { recursive: true }));

const MINIMAL = `name: flights
kafka: {brokers: "a:1, b:2"}
input: {topic: in, format: plain, schema: event.avsc}
model: {package: model}
`;

function parse(text: string, env: Record<string, string> = {}): PipelineConfig {
  return parsePipeline(text, join(folder, 'weir.yaml'), env);
}

/** The findings without the file name. */
function findings(text: string, env: Record<string, string> = {}): string[] {
  try {
    parse(text, env);
  } catch (thrown) {
    if (!(thrown instanceof WeirError)) throw thrown;
    expect(thrown.code).toBe('config_invalid');
    return thrown.message.split('\n').map((line) => line.slice(line.indexOf('weir.yaml:') + 'weir.yaml:'.length));
  }
  return [];
}

/** MINIMAL with one section replaced or added. */
const withSection = (section: string): string => {
  const key = section.slice(0, section.indexOf(':') + 1);
  return [...MINIMAL.split('\n').filter((line) => !line.startsWith(key)), section].join('\n');
};

describe('a minimal file', () => {
  it('gets every default, and absolute paths', () => {
    expect(parse(MINIMAL)).toEqual({
      name: 'flights',
      kafka: {
        brokers: ['a:1', 'b:2'],
        groupId: 'flights',
        clientId: 'flights',
        ssl: false,
        sessionTimeoutMs: 30_000,
        rebalanceTimeoutMs: 60_000,
        heartbeatIntervalMs: 3_000,
        maxWaitTimeMs: 100,
        fetchPauseMs: 2,
        maxBytesPerPartition: 1_048_576,
      },
      input: {
        topic: 'in',
        format: 'plain',
        schema: join(folder, 'event.avsc'),
        writerSchemas: [],
        tombstones: 'skip',
        startFrom: 'earliest',
        onOutOfRange: 'fail',
        topicConfig: {},
      },
      stores: {},
      features: {},
      model: { package: join(folder, 'model'), intraOpNumThreads: 1, runtime: 'inline', runTimeoutMs: 30_000 },
      batch: { maxRows: 4_096, targetMs: 50, maxBytes: 1_048_576, maxDelayMs: 10, eager: true },
      flow: { maxQueuedRows: 20_000, maxQueuedBytes: 33_554_432, maxInFlightBatches: 4 },
      delivery: { mode: 'exactly-once', commitIntervalMs: 100, transactionTimeoutMs: 10_000 },
      output: {
        predictions: { topic: 'flights.predictions', format: 'single-object', compression: 'none', topicConfig: {} },
        deadLetters: {
          topic: 'flights.dead-letters',
          topicConfig: {},
          guard: { enabled: true, maxShare: 0.5, forMs: 60_000, minRecords: 1_000 },
        },
        replicationFactor: 1,
      },
      drift: {
        enabled: true,
        profilesTopic: 'flights.drift-profiles',
        statisticsTopic: 'flights.drift-statistics',
        profilesTopicConfig: {},
        statisticsTopicConfig: {},
        windowMs: 3_600_000,
        paneMs: 60_000,
        flushIntervalMs: 1_000,
        outOfOrderMs: 30_000,
        latenessMs: 120_000,
        thresholds: { tvd: 0.1, psi: 0.2 },
        expectedRunTimeDays: 30,
        minSamples: 1_000,
      },
      ops: { host: '127.0.0.1', port: 9_464, logLevel: 'info' },
      shutdownTimeoutMs: 30_000,
    });
  });

  it('is read from disk, or said to be missing', () => {
    const path = join(folder, 'weir.yaml');
    writeFileSync(path, MINIMAL);
    expect(loadPipelineFile(path, {}).name).toBe('flights');
    expect(() => loadPipelineFile(join(folder, 'nope.yaml'), {})).toThrow(/nope\.yaml: there is no such file$/);
  });
});

describe('defaults that depend on other sections', () => {
  it('frames outputs for the registry when there is one', () => {
    expect(parse(`${MINIMAL}registry: {url: "http://r"}`).output.predictions.format).toBe('confluent');
  });

  it('gives feature groups a key prefix, and the layout their entities', () => {
    const config = parse(`${MINIMAL}stores: {main: {kind: redis, url: "redis://h"}}
features: {plane: {store: main, entity: event.tail.number}}`);
    expect(config.features['plane']?.keyPrefix).toBe('features:plane:');
    expect(layoutOptions(config)).toEqual({ entities: new Map([['plane', ['tail', 'number']]]) });
  });

  it('takes window and pane with units', () => {
    const { drift } = parse(`${MINIMAL}drift: {window: 28d, paneMs: 1d}`);
    expect([drift.windowMs, drift.paneMs]).toEqual([28 * 86_400_000, 86_400_000]);
    expect(drift).not.toHaveProperty('window');
  });
});

describe('model.runtime', () => {
  it('is inline, or a number of threads', () => {
    expect(parse(MINIMAL.replace('{package: model}', '{package: model, runtime: {threads: 3}, runTimeoutMs: 5s}')).model).toMatchObject({
      runtime: { threads: 3 },
      runTimeoutMs: 5_000,
    });
    const wrong = MINIMAL.replace('{package: model}', '{package: model, runtime: threads}');
    expect(findings(wrong)).toEqual([expect.stringMatching(/model\.runtime: must be inline or \{threads: <number>\}/)]);
  });
});

describe('the environment', () => {
  it('gives numbers and booleans where the schema wants them, and text where it wants text', () => {
    const { ops, kafka, batch, name } = parse(
      `name: "\${NAME}"
kafka: {brokers: "a:1", ssl: "\${SSL}", sessionTimeoutMs: "\${SESSION}"}
input: {topic: in, format: plain, schema: event.avsc}
model: {package: model}
batch: {maxRows: "\${ROWS}", maxDelayMs: "\${DELAY}"}
ops: {port: "\${PORT:-0}"}`,
      { NAME: '12', SSL: 'true', ROWS: '7', DELAY: '15', SESSION: '45s' },
    );
    expect([name, kafka.ssl, batch.maxRows, batch.maxDelayMs, kafka.sessionTimeoutMs, ops.port]).toEqual(['12', true, 7, 15, 45_000, 0]);
  });

  it('leaves a password of digits a text', () => {
    const config = parse(`${MINIMAL}stores: {main: {kind: redis, url: "redis://h", password: "\${PW}"}}`, { PW: '1234' });
    expect(config.stores['main']).toMatchObject({ password: '1234' });
  });

  it('lets LOG_LEVEL win', () => {
    expect(parse(`${MINIMAL}ops: {logLevel: error}`, { LOG_LEVEL: 'DEBUG' }).ops.logLevel).toBe('debug');
    expect(findings(MINIMAL, { LOG_LEVEL: 'loud' })[0]).toContain('LOG_LEVEL is loud; it must be debug, info, warn or error');
  });

  it('speaks of a missing variable once, not of what its raw text would mean', () => {
    expect(findings(withSection('kafka: {brokers: ["${NOPE}"], maxWaitTimeMs: "${NOPE2}"}'))).toEqual([
      '5:19: environment variable NOPE is not set; set it, or write ${NOPE:-default}',
      '5:46: environment variable NOPE2 is not set; set it, or write ${NOPE2:-default}',
    ]);
  });
});

describe('mistakes', () => {
  it('are all told at once, in file order, each at its place', () => {
    expect(
      findings(`name: flights
kafka:
  broker: x:1
  brokers: x
input: {topic: in, format: confluentt}
model: {package: nope}
batch: {maxRow: 3, maxRows: 0}
stores: {main: {kind: rediss, url: "redis://x"}}
drift: {windowMs: 90s, paneMs: 1m}
`),
    ).toEqual([
      '3:3: kafka: unknown key broker; did you mean brokers?',
      '4:12: kafka.brokers: each broker must be written host:port',
      '5:28: input.format: must be confluent or confluent-header or apicurio or apicurio-header or single-object or plain or json; did you mean confluent?',
      '6:18: model.package: there is no model.yaml in nope',
      '7:9: batch: unknown key maxRow; did you mean maxRows?',
      '7:29: batch.maxRows: Too small: expected number to be >=1',
      '8:23: stores.main.kind: must be redis or memory',
      '9:19: drift.windowMs: 90000 is not a multiple of paneMs 60000; windows are sums of panes',
    ]);
  });

  it.each([
    ['', 'the file must hold a map with at least name, kafka, input and model'],
    ['- a', 'the file must hold a map with at least name, kafka, input and model'],
    ['name: [', ''],
    ['name: a\nname: b', 'Map keys must be unique'],
  ])('of the whole file: %j', (text, message) => {
    const [first, ...rest] = findings(text);
    expect(first).toContain(message);
    expect(rest).toEqual([]);
  });

  it('names every missing section', () => {
    expect(findings('name: a').map((line) => line.replace(/^\d+:\d+: /, ''))).toEqual([
      'kafka is missing (a object)',
      'input is missing (a object)',
      'model is missing (a object)',
    ]);
  });

  const redis = 'stores: {main: {kind: redis, url: "redis://h"}}\n';
  it.each([
    [
      'an unknown store',
      `${redis}features: {plane: {store: mian, entity: event.a}}`,
      'features.plane.store: there is no store mian; did you mean main?',
    ],
    ['no stores at all', 'features: {plane: {store: main, entity: event.a}}', 'there is no store main; no store is defined under stores'],
    ['a group called event', `${redis}features: {event: {store: main, entity: event.a}}`, 'a group cannot be called event'],
    ['an entity that is no field', `${redis}features: {plane: {store: main, entity: tailnum}}`, 'must name a field of the event'],
    [
      'confluent without a registry',
      'input: {topic: in, format: confluent}',
      'input.format: confluent needs a schema registry; add registry.url',
    ],
    ['apicurio-header without a registry', 'input: {topic: in, format: apicurio-header}', 'apicurio-header needs a schema registry'],
    [
      'plain without a schema',
      'input: {topic: in, format: plain}',
      'input.format: plain carries no schema, so weir must be told the schema it was written with',
    ],
    [
      'json with a reader schema',
      'input: {topic: in, format: json, schema: event.avsc}',
      'input.schema: has no meaning with format json, whose records carry the names of their fields; remove it',
    ],
    ['json with writer schemas', 'input: {topic: in, format: json, writerSchemas: [event.avsc]}', 'input.writerSchemas: has no meaning'],
    ['single-object without schemas', 'input: {topic: in, format: single-object}', 'add input.writerSchemas or input.schema'],
    [
      'confluent output without a registry',
      'output: {predictions: {format: confluent}}',
      'output.predictions.format: confluent needs a schema registry',
    ],
    ['a schema that is not there', 'input: {topic: in, format: plain, schema: no.avsc}', 'input.schema: there is no file no.avsc'],
    [
      'an output topic that is the input',
      'output: {predictions: {topic: in}}',
      'output.predictions.topic: topic in is already input.topic',
    ],
    [
      'a drift topic that is another output',
      'drift: {profilesTopic: flights.predictions}',
      'topic flights.predictions is already output.predictions.topic',
    ],
    [
      'a batch larger than the queue',
      'flow: {maxQueuedRows: 100}\nbatch: {maxRows: 200}',
      'batch.maxRows: 200 rows never fit into flow.maxQueuedRows 100',
    ],
    ['a slow heartbeat', 'kafka: {brokers: "a:1", heartbeatIntervalMs: 20s}', 'is more than a third of sessionTimeoutMs 30000'],
    ['window twice', 'drift: {window: 1h, windowMs: 1h}', 'drift.window: is the same as drift.windowMs; give one of them'],
    ['an unknown guarantee', 'delivery: {mode: at-most-once}', 'delivery.mode: must be exactly-once or at-least-once'],
    [
      'transactions that never end in time',
      'delivery: {mode: exactly-once, commitIntervalMs: 6s}',
      'delivery.commitIntervalMs: 6000 is more than half of transactionTimeoutMs 10000',
    ],
    [
      'a transaction that blocks readers too long',
      'delivery: {transactionTimeoutMs: 1m}',
      'delivery.transactionTimeoutMs: must be between 1000 ms and 15000 ms',
    ],
    [
      'a key with a password that is not one',
      'kafka: {brokers: "a:1", sasl: {mechanizm: plain, username: u, password: p}}',
      'kafka.sasl: unknown key mechanizm; did you mean mechanism?',
    ],
    ['a registry URL of another kind', 'registry: {url: "ftp://x"}', 'registry.url: must be an http or https URL'],
  ])('between sections: %s', (_, section, message) => {
    expect(findings(withSection(section)).join('\n')).toContain(message);
  });

  it('does not ask for a registry that is there but wrong', () => {
    const found = findings(withSection('input: {topic: in, format: confluent}\nregistry: {ulr: "http://r"}'));
    expect(found.some((line) => line.includes('needs a schema registry'))).toBe(false);
    expect(found.join('\n')).toContain('registry: unknown key ulr; did you mean url?');
  });

  it('never shows a secret', () => {
    const text = findings(withSection('kafka: {brokers: "a:1", sasl: {mechanism: plain, username: 7, password: [hunter2]}}')).join('\n');
    expect(text).toContain('kafka.sasl.password');
    expect(text).not.toContain('hunter2');
  });
});
