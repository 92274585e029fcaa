import type { ExportedWindow } from '../drift/exported-window.ts';
import type { PerformanceStatistics } from '../drift/performance/performance-record.ts';
import { judgedValue } from '../drift/performance/verdict-text.ts';
import { type ArmSeries, isFallen, type PerformanceSight, sightsOf } from './performance-series.ts';
import { measureName } from './performance-text.ts';
import type { WindowGroup } from './series.ts';
import { countOf, countText, shortNumber } from './text.ts';

type Group = Pick<WindowGroup, 'windows' | 'arms'>;

/** Whether the newest window of an arm that labels can judge has fallen: then the model should be trained again, whether or not anything drifted. */
export function hasFallenByLabels({ windows, arms }: Group): boolean {
  return arms.some((series) => {
    const newest = judgedOf(windows, series).findLast(({ of }) => of.dropBasis === 'LABELS');
    return newest !== undefined && isFallen(newest.of);
  });
}

/** What an operator should know of performance: parts of a sentence, at least one for each arm. None where nothing was published of it. */
export function performanceConclusions({ windows, arms }: Group): string[] {
  return arms.flatMap((series) => conclusionOf(windows, series, arms.length > 1));
}

function judgedOf(windows: readonly ExportedWindow[], series: ArmSeries): PerformanceSight[] {
  return sightsOf(windows, series).filter(({ of }) => of.status !== 'INSUFFICIENT_DATA');
}

function conclusionOf(windows: readonly ExportedWindow[], series: ArmSeries, isOneOfMany: boolean): string[] {
  const name = `performance${isOneOfMany ? ` of ${series.arm}` : ''}`;
  const judged = judgedOf(windows, series);
  const newest = judged.at(-1);
  if (!newest) {
    const isLabelled = series.points.some((point) => point && point.labelled > 0);
    return [`${name} cannot be judged yet${isLabelled ? '' : ': no labels have come'}`];
  }
  // Labels come late: what the newest windows are estimated to be must not hide what labels said of those before.
  const byLabels = judged.findLast(({ of }) => of.dropBasis === 'LABELS');
  const of = byLabels ?? newest;
  const fell = judged.filter((sight) => sight.of.status === 'FELL').length;
  return [
    `${name} ${verdictText(of)}`,
    ...(newest === of ? [] : [`of the newest window it is estimated to have ${newest.of.status === 'FELL' ? 'fallen' : 'held'}`]),
    ...(judged.length > 1 && fell > 0 ? [`it fell in ${countText(fell)} of ${countOf(judged.length, 'window')} that can be judged`] : []),
  ];
}

function verdictText({ window, of }: PerformanceSight): string {
  const { status, dropBasis, metric, reference } = of;
  const hasFallen = status === 'FELL';
  const verb = dropBasis === 'CBPE' ? `is estimated to have ${hasFallen ? 'fallen' : 'held'}` : hasFallen ? 'fell' : 'held';
  const numbers = `${measureName(metric)} ${shortNumber(judgedValue(of))}, in the reference ${shortNumber(reference?.[metric] ?? null)}`;
  return `${verb} (${numbers})${becauseOf(window, of)}`;
}

const CONCEPT = 'what the inputs mean may have changed (concept drift), which only labels show';

/** What drift of the same window says of it. */
function becauseOf({ features, prediction }: ExportedWindow, of: PerformanceStatistics): string {
  const areInputs = features.some(({ status }) => status === 'DRIFT');
  const isScore = prediction.status === 'DRIFT';
  const drifted = areInputs ? (isScore ? 'inputs and score' : 'inputs') : 'the score';
  if (of.status === 'OK') return areInputs || isScore ? ` although ${drifted} drifted` : '';
  if (isScore) return ` and ${drifted} drifted`;
  if (prediction.status === 'INSUFFICIENT_DATA') return areInputs ? ' and inputs drifted' : '; whether anything drifted cannot be told';
  if (!isFallen(of)) return areInputs ? ' and inputs drifted' : ' without drift';
  return areInputs ? ` while inputs drifted but the score did not: ${CONCEPT}` : ` without drift of inputs or score: ${CONCEPT}`;
}
