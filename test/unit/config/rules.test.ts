import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsing, withSection } from './parsing.ts';

const files = parsing();
const { parse, findings } = files;

describe('rules', () => {
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
    ['pane twice', 'drift: {pane: 1m, paneMs: 1m}', 'drift.pane: is the same as drift.paneMs; give one of them'],
    [
      'a month of panes that are no part of a day',
      'drift: {windows: [month], pane: 7h}',
      'drift.windows: month is not a multiple of paneMs 25200000, as days must be; windows are sums of panes',
    ],
    ['windows of no rows', 'drift: {windows: [0 rows]}', '"0 rows" is no size of windows; write a duration of at least 1s such as 5m, 1h,'],
    [
      'labels without windows of fixed time',
      'drift: {windows: [500 rows]}\nlabels: {topic: t, value: event.v, format: plain, schema: event.avsc}',
      'labels: performance has no windows by a number of rows; add a size of fixed time to drift.windows, such as 24h',
    ],
    ['pinned windows that are not named', 'drift: {reference: pinned}', 'drift.reference: pinned needs drift.pinned, a file that'],
    ['pinned windows that are not there', 'drift: {pinned: no.json}', 'drift.pinned: there is no file no.json'],
    [
      'an earlier window that is none',
      'drift: {reference: previous, previous: 0}',
      'previous needs an earlier window; drift.previous is 0',
    ],
    [
      'an earlier window that is between two',
      'drift: {windows: [5h, 24h], previous: 2d}',
      'drift.previous: is no multiple of the windows of 5h, so no one window began so long before',
    ],
    [
      'more earlier windows than are kept',
      'drift: {windows: [5m, 1h], previous: 7d}',
      'drift.previous: is 2016 windows of 5m; the counts of 1024 are kept at most, so leave that size out',
    ],
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
    ['a store that is nowhere', 'stores: {main: {kind: redis}}', 'stores.main: needs one of url (one server), sentinel and cluster'],
    [
      'a store in two places',
      'stores: {main: {kind: redis, url: "redis://h", cluster: {nodes: ["h:1"]}}}',
      'stores.main.cluster: there is url already; a store is in one place',
    ],
    [
      'a cluster with a database',
      'stores: {main: {kind: redis, cluster: {nodes: ["h:1"]}, database: 1}}',
      'stores.main.database: a Redis Cluster has only one',
    ],
    [
      'a user beside a URL',
      'stores: {main: {kind: redis, url: "redis://h", username: u}}',
      'stores.main.username: is part of the url: write redis://user@host:6379',
    ],
    [
      'TLS beside a URL without',
      'stores: {main: {kind: redis, url: "redis://h", tls: true}}',
      'stores.main.tls: is turned on by the url: write rediss://host:6379',
    ],
    [
      'no TLS beside a URL with',
      'stores: {main: {kind: redis, url: "rediss://h", tls: false}}',
      'stores.main.tls: the url begins with rediss://, which means TLS',
    ],
    [
      'certificates that are not there',
      'stores: {main: {kind: redis, url: "rediss://h", tls: {caFile: no.pem}}}',
      'stores.main.tls.caFile: there is no file no.pem',
    ],
    [
      'nodes without a port',
      'stores: {main: {kind: redis, cluster: {nodes: [h]}}}',
      'stores.main.cluster.nodes[0]: must be written host:port',
    ],
    ['nodes with credentials', 'stores: {main: {kind: redis, cluster: {nodes: ["u:p@h:1"]}}}', 'without redis:// and credentials'],
    [
      'a certificate without its key',
      'stores: {main: {kind: redis, url: "rediss://h", tls: {certFile: event.avsc}}}',
      'stores.main.tls.certFile: needs keyFile beside it',
    ],
    ['a key without its certificate', 'kafka: {brokers: "a:1", ssl: {keyFile: event.avsc}}', 'kafka.ssl.keyFile: needs certFile beside it'],
    ['no nodes', 'stores: {main: {kind: redis, sentinel: {master: m, nodes: []}}}', 'stores.main.sentinel.nodes'],
  ])('between sections: %s', (_, section, message) => {
    expect(findings(withSection(section)).join('\n')).toContain(message);
  });

  it('does not ask for a registry that is there but wrong', () => {
    const found = findings(withSection('input: {topic: in, format: confluent}\nregistry: {ulr: "http://r"}'));
    expect(found.some((line) => line.includes('needs a schema registry'))).toBe(false);
    expect(found.join('\n')).toContain('registry: unknown key ulr; did you mean url?');
  });

  it('takes a store behind sentinels, a cluster, and the files of TLS', () => {
    const stores = `stores:
  one: {kind: redis, url: "rediss://h/2", tls: {caFile: event.avsc}}
  two: {kind: redis, sentinel: {master: m, nodes: ["s:26379", "[::1]:26379"], password: p}, username: u, database: 3, tls: true}
  three: {kind: redis, cluster: {nodes: ["c:1"]}, tls: false}`;
    expect(parse(withSection(stores)).stores).toMatchObject({
      one: { tls: { caFile: join(files.folder, 'event.avsc') } },
      two: { sentinel: { master: 'm', nodes: ['s:26379', '[::1]:26379'], password: 'p' }, username: 'u', database: 3, tls: true },
      three: { cluster: { nodes: ['c:1'] }, tls: false },
    });
  });
});
