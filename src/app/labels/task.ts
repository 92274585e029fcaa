import { WeirError } from '../../core/errors.ts';
import type { PerformanceTask } from '../../drift/performance/layout.ts';
import type { OutputsSpec } from '../../model/manifest.ts';
import type { LabelsConfig } from './label-reader.ts';

/**
 * What the scores of a model are held against: `labels.task`, or what the rest of the section and the model suggest.
 * @throws WeirError `config_invalid` when classes are to be compared but not named, or the model names none
 */
export function performanceTaskOf(
  { task, positive, classes }: Pick<LabelsConfig, 'task' | 'positive' | 'classes'>,
  { label }: Pick<OutputsSpec, 'label'>,
): PerformanceTask {
  const threshold = label && 'threshold' in label ? label.threshold : undefined;
  const suggested = threshold !== undefined || positive ? 'binary' : classes ? 'multiclass' : 'regression';
  const kind = task ?? suggested;
  if (kind === 'regression') return { kind };
  if (kind === 'binary') return { kind, ...(threshold === undefined ? {} : { threshold }) };
  if (!classes) throw new WeirError('config_invalid', 'labels.task is multiclass: name the classes in labels.classes.');
  if (!label)
    throw new WeirError('config_invalid', 'labels.task is multiclass, but the model names no class: say outputs.label in model.yaml.');
  return { kind, classes };
}
