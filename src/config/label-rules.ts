import { windowSizeFrom } from '../core/window-size.ts';
import type { Rule, RuleFinding } from './rules.ts';

/** Wire formats that a registry is needed for. */
export const needsRegistry = /^(confluent|apicurio)/;

/** Measures that are defined for a task. */
export const METRICS_OF: Record<'binary' | 'multiclass' | 'regression', readonly string[]> = {
  binary: ['auc', 'accuracy', 'precision', 'recall', 'f1', 'logLoss', 'brier'],
  multiclass: ['accuracy', 'precision', 'recall', 'f1'],
  regression: ['mae', 'rmse'],
};

/** What must hold between `labels` and the other sections. */
export const labelsFit: Rule = ({ labels, drift, registry, input }) => {
  if (!labels?.enabled) return [];
  const findings: RuleFinding[] = [];
  const format = labels.format ?? input?.format;
  if (drift?.enabled === false)
    findings.push({
      path: ['labels'],
      message: 'labels: performance is counted in the bins of the reference profile; set drift.enabled: true',
    });
  if (drift?.windows?.length && drift.windows.every((name) => windowSizeFrom(name)?.rows !== undefined))
    findings.push({
      path: ['labels'],
      message: 'labels: performance has no windows by a number of rows; add a size of fixed time to drift.windows, such as 24h',
    });
  if (format !== undefined && needsRegistry.test(format) && registry === undefined)
    findings.push({ path: ['labels', 'format'], message: `labels.format: ${format} needs a schema registry; set registry.url` });
  if (format === 'plain' && labels.schema === undefined && labels.writerSchemas.length === 0)
    findings.push({
      path: ['labels', 'schema'],
      message: 'labels.schema: format plain says nothing of its schema; give the writer schema',
    });
  if (labels.positive && labels.task !== undefined && labels.task !== 'binary')
    findings.push({ path: ['labels', 'positive'], message: `labels.positive: is for the task binary, not ${labels.task}` });
  if (labels.classes && labels.task !== undefined && labels.task !== 'multiclass')
    findings.push({ path: ['labels', 'classes'], message: `labels.classes: is for the task multiclass, not ${labels.task}` });
  if (labels.task === 'multiclass' && !labels.classes)
    findings.push({ path: ['labels', 'classes'], message: 'labels.classes: the task multiclass needs the classes that are told apart' });
  if (labels.task !== undefined && labels.metric !== undefined && !METRICS_OF[labels.task].includes(labels.metric))
    findings.push({
      path: ['labels', 'metric'],
      message: `labels.metric: ${labels.metric} is not defined for ${labels.task}; choose of ${METRICS_OF[labels.task].join(', ')}`,
    });
  return findings;
};
