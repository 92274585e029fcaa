import { METRICS_OF, type PipelineConfig } from '../../config/index.ts';
import { WeirError } from '../../core/errors.ts';
import type { PerformanceTask } from '../../drift/performance/layout.ts';
import { defaultMetric, type PerformanceMetric } from '../../drift/performance/measures.ts';
import type { ModelPackage } from '../../model/index.ts';

type Labels = NonNullable<PipelineConfig['labels']>;

/** Measures of the task binary that need a score from which on a prediction says yes. */
const OF_DECISIONS: readonly string[] = ['accuracy', 'precision', 'recall', 'f1'];

/**
 * What the truth of a prediction is, from `labels` and from the outputs of the model: see the description of `labels.task`.
 * @throws WeirError `config_invalid` when `labels` says what has no meaning for that task
 */
export function performanceTaskFrom(
  labels: Pick<Labels, 'task' | 'positive' | 'classes' | 'metric'>,
  { label }: ModelPackage['outputs'],
): PerformanceTask {
  const threshold = label && 'threshold' in label ? label.threshold : undefined;
  const isBinary = threshold !== undefined || labels.positive !== undefined;
  const kind = labels.task ?? (isBinary ? 'binary' : labels.classes ? 'multiclass' : 'regression');
  const how = labels.task === undefined ? `${kind}, as found from the model and labels (labels.task says otherwise)` : kind;
  if (labels.classes && kind !== 'multiclass')
    throw new WeirError('config_invalid', `labels.classes: is for the task multiclass, not ${how}.`);
  if (labels.positive && kind !== 'binary') throw new WeirError('config_invalid', `labels.positive: is for the task binary, not ${how}.`);
  if (labels.metric !== undefined && !METRICS_OF[kind].includes(labels.metric)) {
    const choice = METRICS_OF[kind].join(', ');
    throw new WeirError('config_invalid', `labels.metric: ${labels.metric} is not defined for ${how}; choose of ${choice}.`);
  }
  if (kind === 'multiclass') {
    if (!labels.classes)
      throw new WeirError('config_invalid', 'labels.classes: the task multiclass needs the classes that are told apart.');
    if (!label)
      throw new WeirError('config_invalid', 'labels.task is multiclass, but the model names no class: say outputs.label in model.yaml.');
    return { kind, classes: labels.classes };
  }
  if (kind === 'regression') return { kind };
  if (threshold === undefined && labels.metric !== undefined && OF_DECISIONS.includes(labels.metric)) {
    throw new WeirError(
      'config_invalid',
      `labels.metric: ${labels.metric} needs a score from which on a prediction says yes; give the model outputs.label.threshold, or choose auc, logLoss or brier.`,
    );
  }
  return threshold === undefined ? { kind } : { kind, threshold };
}

/** The measure that the verdict on performance is about. */
export function performanceMetricOf({ metric }: Pick<Labels, 'metric'>, task: PerformanceTask): PerformanceMetric {
  return metric ?? defaultMetric(task);
}
