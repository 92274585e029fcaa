import { METRICS, type MetricEntry, OPS_PATHS, POOL_METRICS, SUPERVISOR_LABEL } from '../../src/ops/index.ts';
import { cell, code, GENERATED, markdownTable } from './markdown.ts';

/** `docs/reference/metrics.md`: every metric, and the paths of the ops port. */
export function metricsPage(): string {
  const entries: MetricEntry[] = Object.values(METRICS);
  return [
    GENERATED,
    '# Metrics and probes',
    '',
    'Served on `ops.port` by every worker. Labels are bounded: models, columns, groups, topics, partitions and codes, never an entity or a key.',
    '',
    markdownTable(
      ['Path', 'Answer'],
      Object.entries(OPS_PATHS).map(([path, answer]) => [code(path), cell(answer)]),
    ),
    '',
    metricsTable(entries),
    '',
    '## Of a pool',
    '',
    `\`weir run --workers\` serves one page for all its workers ([multi-core](../multi-core.md)): every series above has a label \`worker\`, which is the number of the worker from 0, or \`${SUPERVISOR_LABEL}\` for the \`process_*\` and \`nodejs_*\` metrics of the process that supervises. Besides there are:`,
    '',
    metricsTable(Object.values(POOL_METRICS)),
    '',
    '## Buckets',
    '',
    ...entries.flatMap(({ name, buckets }) => (buckets ? [`- ${code(name)}: ${buckets.join(', ')}`] : [])),
    '',
  ].join('\n');
}

function metricsTable(entries: readonly MetricEntry[]): string {
  return markdownTable(
    ['Metric', 'Type', 'Labels', 'Unit', 'Meaning'],
    entries.map(({ name, type, labels, unit, help }) => [code(name), type, labels.map(code).join(', '), unit, cell(help)]),
  );
}
