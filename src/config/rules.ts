import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { TlsFiles } from '../core/tls-files.ts';
import { isSumOfPanes, windowSizeFrom } from '../core/window-size.ts';
import { closest } from '../yaml/closest.ts';
import { referencesFit } from './drift-rules.ts';
import { labelsFit, needsRegistry } from './label-rules.ts';
import type { PipelineFile } from './pipeline-schema.ts';

/** What one rule has to say about a place of the file. */
export interface RuleFinding {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** The sections that are valid on their own. A rule that needs one that is not stays silent. */
export type ValidSections = Partial<PipelineFile>;

/** One rule. */
export type Rule = (file: ValidSections, folder: string) => RuleFinding[];

const groupsReferToStores: Rule = ({ features, stores }) => {
  if (!features || !stores) return [];
  const names = Object.keys(stores);
  return Object.entries(features).flatMap(([group, { store }]) => {
    if (names.includes(store)) return [];
    const near = closest(store, names);
    const hint = near ? `did you mean ${near}?` : names.length > 0 ? `stores are ${names.join(', ')}` : 'no store is defined under stores';
    return [{ path: ['features', group, 'store'], message: `features.${group}.store: there is no store ${store}; ${hint}` }];
  });
};

const groupNamedEvent: Rule = ({ features }) =>
  features && Object.hasOwn(features, 'event')
    ? [
        {
          path: ['features', 'event'],
          message: 'features.event: a group cannot be called event, for event.<field> is a field of the record',
        },
      ]
    : [];

type RedisStore = Extract<PipelineFile['stores'][string], { kind: 'redis' }>;

const storesHaveOnePlace: Rule = ({ stores }) =>
  Object.entries(stores ?? {}).flatMap(([name, store]) => {
    const fault = store.kind === 'redis' ? faultOfPlace(store) : undefined;
    if (!fault) return [];
    const path = ['stores', name, ...(fault.key ? [fault.key] : [])];
    return [{ path, message: `${path.join('.')}: ${fault.message}` }];
  });

/** How what is given beside a URL stands in it. */
const IN_URL = { username: 'redis://user@host:6379', database: 'redis://host:6379/1' } as const;

function faultOfPlace(store: RedisStore): { readonly key?: keyof RedisStore; readonly message: string } | undefined {
  const [place, second] = (['url', 'sentinel', 'cluster'] as const).filter((key) => store[key] !== undefined);
  if (place === undefined) return { message: 'needs one of url (one server), sentinel and cluster' };
  if (second !== undefined) return { key: second, message: `there is ${place} already; a store is in one place` };
  if (place === 'cluster' && store.database !== undefined) return { key: 'database', message: 'a Redis Cluster has only one' };
  if (place !== 'url') return undefined;
  const part = (['username', 'database'] as const).find((key) => store[key] !== undefined);
  if (part) return { key: part, message: `is part of the url: write ${IN_URL[part]}` };
  const isSecure = /^rediss:/i.test(store.url!);
  if ((store.tls ?? isSecure) !== false && !isSecure) return { key: 'tls', message: 'is turned on by the url: write rediss://host:6379' };
  return store.tls === false && isSecure ? { key: 'tls', message: 'the url begins with rediss://, which means TLS' } : undefined;
}

const fieldsFitLayouts: Rule = ({ features }) =>
  Object.entries(features ?? {}).flatMap(([group, { layout, fields, maxAgeMs }]) => {
    const path = (key: string): PropertyKey[] => ['features', group, key];
    const finding = (key: string, message: string): RuleFinding => ({ path: path(key), message: `${path(key).join('.')}: ${message}` });
    if (layout !== 'float32')
      return fields ? [finding('fields', `has a meaning for layout float32 only; with ${layout} features are found by name`)] : [];
    const found: RuleFinding[] = [];
    if (!fields) found.push(finding('layout', 'float32 rows do not say what they hold; add fields, the names of their values in order'));
    const twice = fields?.find((name, i) => fields.indexOf(name) !== i);
    if (twice !== undefined) found.push(finding('fields', `${twice} is there twice`));
    if (maxAgeMs !== undefined) found.push(finding('maxAgeMs', 'float32 rows do not say when they were written, so all would be stale'));
    return found;
  });

const inputHasSchemas: Rule = ({ input, ...file }) => {
  if (!input) return [];
  const findings: RuleFinding[] = [];
  const hasFile = input.schema !== undefined || input.writerSchemas.length > 0;
  const path = ['input', 'format'];
  if (input.format === 'json') return schemasOfJson(input);
  if (needsRegistry.test(input.format)) {
    if (!('registry' in file)) findings.push({ path, message: `input.format: ${input.format} needs a schema registry; add registry.url` });
    if (input.writerSchemas.length > 0)
      findings.push({
        path: ['input', 'writerSchemas'],
        message: `input.writerSchemas: has no effect with format ${input.format}, whose writer schemas come from the registry`,
      });
  } else if (!hasFile) {
    const wanted =
      input.format === 'plain'
        ? 'the schema it was written with; add input.schema'
        : 'the schemas it may be written with; add input.writerSchemas or input.schema';
    findings.push({ path, message: `input.format: ${input.format} carries no schema, so weir must be told ${wanted}` });
  }
  return findings;
};

function schemasOfJson({ schema, writerSchemas }: PipelineFile['input']): RuleFinding[] {
  const given = [...(schema === undefined ? [] : ['schema']), ...(writerSchemas.length > 0 ? ['writerSchemas'] : [])];
  return given.map((key) => ({
    path: ['input', key],
    message: `input.${key}: has no meaning with format json, whose records carry the names of their fields; remove it`,
  }));
}

const outputHasRegistry: Rule = ({ output, ...file }) =>
  output?.predictions.format === 'confluent' && !('registry' in file)
    ? [
        {
          path: ['output', 'predictions', 'format'],
          message: 'output.predictions.format: confluent needs a schema registry; add registry.url',
        },
      ]
    : [];

const topicsAreDistinct: Rule = ({ name, input, output, drift, labels }) => {
  if (name === undefined || !input || !output || !drift) return [];
  const topics: [string, PropertyKey[]][] = [
    [input.topic, ['input', 'topic']],
    [output.predictions.topic ?? `${name}.predictions`, ['output', 'predictions', 'topic']],
    [output.deadLetters.topic ?? `${name}.dead-letters`, ['output', 'deadLetters', 'topic']],
    [drift.profilesTopic ?? `${name}.drift-profiles`, ['drift', 'profilesTopic']],
    [drift.statisticsTopic ?? `${name}.drift-statistics`, ['drift', 'statisticsTopic']],
    [drift.countsTopic ?? `${name}.drift-counts`, ['drift', 'countsTopic']],
    [drift.stateTopic ?? `${name}.drift-state`, ['drift', 'stateTopic']],
    [drift.retrain?.topic ?? `${name}.retrain-requests`, ['drift', 'retrain', 'topic']],
  ];
  if (labels)
    topics.push([labels.topic, ['labels', 'topic']], [labels.performanceTopic ?? `${name}.performance`, ['labels', 'performanceTopic']]);
  const seen = new Map<string, PropertyKey[]>();
  return topics.flatMap(([topic, path]) => {
    const other = seen.get(topic);
    seen.set(topic, other ?? path);
    return other
      ? [{ path, message: `${path.join('.')}: topic ${topic} is already ${other.join('.')}; each needs a topic of its own` }]
      : [];
  });
};

const commitsFit: Rule = ({ delivery }) =>
  delivery?.mode === 'exactly-once' && delivery.commitIntervalMs * 2 > delivery.transactionTimeoutMs
    ? [
        {
          path: ['delivery', 'commitIntervalMs'],
          message: `delivery.commitIntervalMs: ${delivery.commitIntervalMs} is more than half of transactionTimeoutMs ${delivery.transactionTimeoutMs}; brokers would abort transactions before they are committed`,
        },
      ]
    : [];

const boundsFit: Rule = ({ batch, flow, kafka, drift }) => {
  const findings: RuleFinding[] = [];
  if (batch && flow && batch.maxRows !== undefined && batch.maxRows > flow.maxQueuedRows)
    findings.push({
      path: ['batch', 'maxRows'],
      message: `batch.maxRows: ${batch.maxRows} rows never fit into flow.maxQueuedRows ${flow.maxQueuedRows}`,
    });
  if (batch && flow && batch.maxBytes > flow.maxQueuedBytes)
    findings.push({
      path: ['batch', 'maxBytes'],
      message: `batch.maxBytes: ${batch.maxBytes} bytes never fit into flow.maxQueuedBytes ${flow.maxQueuedBytes}`,
    });
  if (kafka && kafka.heartbeatIntervalMs * 3 > kafka.sessionTimeoutMs)
    findings.push({
      path: ['kafka', 'heartbeatIntervalMs'],
      message: `kafka.heartbeatIntervalMs: ${kafka.heartbeatIntervalMs} is more than a third of sessionTimeoutMs ${kafka.sessionTimeoutMs}; one lost heartbeat would cost the partitions`,
    });
  if (drift) findings.push(...driftTimesFit(drift));
  return findings;
};

function driftTimesFit(drift: PipelineFile['drift']): RuleFinding[] {
  const findings: RuleFinding[] = [];
  if (drift.pane !== undefined && drift.paneMs !== undefined)
    findings.push({ path: ['drift', 'pane'], message: 'drift.pane: is the same as drift.paneMs; give one of them' });
  const deciding = drift.retrain?.window;
  if (deciding !== undefined && drift.windows && !drift.windows.includes(deciding))
    findings.push({
      path: ['drift', 'retrain', 'window'],
      message: `drift.retrain.window: ${deciding} is none of drift.windows (${drift.windows.join(', ')})`,
    });
  const paneMs = drift.paneMs ?? drift.pane ?? 60_000;
  for (const [index, name] of (drift.windows ?? []).entries()) {
    const size = windowSizeFrom(name);
    if (size && !isSumOfPanes(size, paneMs))
      findings.push({
        path: ['drift', 'windows', index],
        message: `drift.windows: ${name} is not a multiple of paneMs ${paneMs}${name === 'month' ? ', as days must be' : ''}; windows are sums of panes`,
      });
  }
  return findings;
}

const certificatesHaveKeys: Rule = ({ kafka, stores }) => {
  const places: [unknown, PropertyKey[]][] = [[kafka?.ssl, ['kafka', 'ssl']]];
  for (const [name, store] of Object.entries(stores ?? {})) if (store.kind === 'redis') places.push([store.tls, ['stores', name, 'tls']]);
  return places.flatMap(([files, path]) => {
    const { certFile, keyFile } = (typeof files === 'object' && files ? files : {}) as TlsFiles;
    if ((certFile === undefined) === (keyFile === undefined)) return [];
    const [given, other] = certFile === undefined ? ['keyFile', 'certFile'] : ['certFile', 'keyFile'];
    return [{ path: [...path, given], message: `${[...path, given].join('.')}: needs ${other} beside it` }];
  });
};

const filesExist: Rule = ({ input, labels, model, stores, kafka, drift }, folder) => {
  const wanted: [string | undefined, PropertyKey[]][] = [
    [input?.schema, ['input', 'schema']],
    [labels?.schema, ['labels', 'schema']],
    [drift?.pinned, ['drift', 'pinned']],
  ];
  for (const [index, file] of (input?.writerSchemas ?? []).entries()) wanted.push([file, ['input', 'writerSchemas', index]]);
  for (const [index, file] of (labels?.writerSchemas ?? []).entries()) wanted.push([file, ['labels', 'writerSchemas', index]]);
  for (const [key, store] of Object.entries(stores ?? {})) {
    if (store.kind === 'memory') wanted.push([store.file, ['stores', key, 'file']]);
    else if (typeof store.tls === 'object')
      for (const [part, file] of Object.entries(store.tls)) wanted.push([file, ['stores', key, 'tls', part]]);
  }
  if (kafka && typeof kafka.ssl === 'object')
    for (const [key, file] of Object.entries(kafka.ssl)) wanted.push([file, ['kafka', 'ssl', key]]);
  const findings = wanted.flatMap(([file, path]) =>
    file === undefined || existsSync(resolve(folder, file)) ? [] : [{ path, message: `${path.join('.')}: there is no file ${file}` }],
  );
  if (model && !existsSync(join(resolve(folder, model.package), 'model.yaml')))
    findings.push({ path: ['model', 'package'], message: `model.package: there is no model.yaml in ${model.package}` });
  return findings;
};

const RULES: readonly Rule[] = [
  groupsReferToStores,
  groupNamedEvent,
  storesHaveOnePlace,
  certificatesHaveKeys,
  fieldsFitLayouts,
  inputHasSchemas,
  outputHasRegistry,
  topicsAreDistinct,
  commitsFit,
  boundsFit,
  labelsFit,
  referencesFit,
  filesExist,
];

/**
 * What must hold between sections, and between the file and the disk.
 * @param folder folder of the pipeline file
 */
export function checkRules(file: ValidSections, folder: string): RuleFinding[] {
  return RULES.flatMap((rule) => rule(file, folder));
}
