import { describe, expect, test } from 'vitest';
import { performanceMetricOf, performanceTaskFrom } from '../../../../src/app/labels/task.ts';

type Labels = Parameters<typeof performanceTaskFrom>[0];
type Outputs = Parameters<typeof performanceTaskFrom>[1];

const labelsOf = (change: Partial<Labels>): Labels => change as Labels;
const score = { output: 'p' };
const plain: Outputs = { score, extras: [] };
const thresholded: Outputs = { ...plain, label: { threshold: 0.3, above: 'yes', below: 'no' } };
const named: Outputs = { ...plain, label: { output: 'label' } };

describe('the task of labels', () => {
  test.each<[string, Partial<Labels>, Outputs, object, string]>([
    ['a threshold of the model', {}, thresholded, { kind: 'binary', threshold: 0.3 }, 'auc'],
    ['which values mean yes', { positive: { above: 15 } }, plain, { kind: 'binary' }, 'auc'],
    ['classes', { classes: ['a', 'b'] }, named, { kind: 'multiclass', classes: ['a', 'b'] }, 'accuracy'],
    ['nothing', {}, plain, { kind: 'regression' }, 'rmse'],
    ['what is said', { task: 'regression', metric: 'mae' }, thresholded, { kind: 'regression' }, 'mae'],
    ['what is said', { task: 'binary' }, plain, { kind: 'binary' }, 'auc'],
    ['what is said', { task: 'multiclass', classes: ['a', 'b'] }, thresholded, { kind: 'multiclass', classes: ['a', 'b'] }, 'accuracy'],
  ])('follows from %s: %o', (_, labels, outputs, task, metric) => {
    const found = performanceTaskFrom(labelsOf(labels), outputs);
    expect(found).toEqual(task);
    expect(performanceMetricOf(labelsOf(labels), found)).toBe(metric);
  });

  test.each<[RegExp, Partial<Labels>, Outputs]>([
    [/rmse is not defined for binary, as found.*choose of auc/, { metric: 'rmse' }, thresholded],
    [/auc is not defined for regression/, { metric: 'auc', task: 'regression' }, thresholded],
    [/accuracy needs a score from which on/, { metric: 'accuracy', positive: { equals: 'Y' } }, plain],
    [/needs the classes/, { task: 'multiclass' }, named],
    [/labels.classes: is for the task multiclass, not binary/, { classes: ['a', 'b'] }, thresholded],
    [/labels.positive: is for the task binary, not regression/, { task: 'regression', positive: { above: 1 } }, plain],
  ])('%s', (message, labels, outputs) => {
    expect(() => performanceTaskFrom(labelsOf(labels), outputs)).toThrow(
      expect.objectContaining({ code: 'config_invalid', message: expect.stringMatching(message) }),
    );
  });
});
