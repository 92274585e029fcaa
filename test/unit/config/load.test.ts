import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { layoutOptions, loadPipelineFile } from '../../../src/config/index.ts';
import { MINIMAL, parsing, withSection } from './parsing.ts';

const files = parsing();
const { parse, findings } = files;

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
        schema: join(files.folder, 'event.avsc'),
        writerSchemas: [],
        tombstones: 'skip',
        startFrom: 'earliest',
        onOutOfRange: 'fail',
        topicConfig: {},
      },
      stores: {},
      features: {},
      model: { package: join(files.folder, 'model'), intraOpNumThreads: 1, runtime: 'inline', runTimeoutMs: 30_000 },
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
        countsTopic: 'flights.drift-counts',
        stateTopic: 'flights.drift-state',
        profilesTopicConfig: {},
        statisticsTopicConfig: {},
        countsTopicConfig: {},
        stateTopicConfig: {},
        windows: [expect.objectContaining({ name: '1h' }), expect.objectContaining({ name: '1d' })],
        paneMs: 60_000,
        flushIntervalMs: 1_000,
        outOfOrderMs: 30_000,
        latenessMs: 120_000,
        idleMs: 60_000,
        closeAfterMs: 600_000,
        reviseMs: 86_400_000,
        retrain: {
          enabled: true,
          topic: 'flights.retrain-requests',
          topicConfig: {},
          window: '1d',
          cooldownMs: 604_800_000,
          minSamples: 1_000,
        },
        thresholds: { tvd: 0.1, psi: 0.2 },
        expectedRunTimeDays: 30,
        minSamples: 1_000,
        overDispersion: 1,
        reference: 'training',
        previous: { windows: 1 },
      },
      ops: { host: '127.0.0.1', port: 9_464, logLevel: 'info' },
      shutdownTimeoutMs: 30_000,
    });
  });

  it('is read from disk, or said to be missing', () => {
    const path = join(files.folder, 'weir.yaml');
    writeFileSync(path, MINIMAL);
    expect(loadPipelineFile(path, {}).name).toBe('flights');
    expect(() => loadPipelineFile(join(files.folder, 'nope.yaml'), {})).toThrow(/nope\.yaml: there is no such file$/);
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
    const { drift } = parse(`${MINIMAL}drift: {windows: [28d, 1440m, month], paneMs: 1d}`);
    expect([drift.windows.map(({ name }) => name), drift.paneMs]).toEqual([['28d', '1d', 'month'], 86_400_000]);
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
drift: {windows: [1h, 90s], paneMs: 1m}
`),
    ).toEqual([
      '3:3: kafka: unknown key broker; did you mean brokers?',
      '4:12: kafka.brokers: each broker must be written host:port',
      '5:28: input.format: must be confluent or confluent-header or apicurio or apicurio-header or single-object or plain or json; did you mean confluent?',
      '6:18: model.package: there is no model.yaml in nope',
      '7:9: batch: unknown key maxRow; did you mean maxRows?',
      '7:29: batch.maxRows: Too small: expected number to be >=1',
      '8:23: stores.main.kind: must be redis or memory',
      '9:23: drift.windows: 90s is not a multiple of paneMs 60000; windows are sums of panes',
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

  it('never shows a secret', () => {
    const text = findings(withSection('kafka: {brokers: "a:1", sasl: {mechanism: plain, username: 7, password: [hunter2]}}')).join('\n');
    expect(text).toContain('kafka.sasl.password');
    expect(text).not.toContain('hunter2');
  });
});
