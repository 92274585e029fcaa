import { hasFallenByLabels, performanceConclusions } from './performance-conclusion.ts';
import { countOf, countText, listText } from './text.ts';
import type { WindowGroup } from './series.ts';

/** Features that a sentence names; the others are counted. */
const NAMED = 5;

/** What an operator should know of a group of windows, as one sentence. It holds names as they are in the data: escape it. */
export function conclusionOf(group: WindowGroup): string {
  const { windows, series } = group;
  const judged = windows.filter(({ status }) => status !== 'INSUFFICIENT_DATA');
  const newest = windows.at(-1)!;
  const lost = Math.max(...windows.map(({ gapOffsets }) => gapOffsets));
  const advice = newest.recommendation === 'retrain_model' || hasFallenByLabels(group) ? 'retrain the model' : 'go on monitoring';
  return `${[
    judged.length === 0 ? nothingKnown(windows.length) : driftOf(judged, series),
    ...performanceConclusions(group),
    `what is recommended now: ${advice}`,
    ...(judged.length > 0 && newest.status === 'INSUFFICIENT_DATA' ? ['the newest window has too few rows to be judged'] : []),
    ...(lost > 0 ? [`${countOf(lost, 'input offset')} ${lost === 1 ? 'was' : 'were'} never counted`] : []),
  ].join('; ')}.`;
}

function nothingKnown(windows: number): string {
  return windows === 1
    ? 'The only window has too few rows to be judged'
    : `None of ${countOf(windows, 'window')} has enough rows to be judged`;
}

function driftOf(judged: WindowGroup['windows'], series: WindowGroup['series']): string {
  const drifted = judged.filter(({ overallDrift }) => overallDrift).length;
  const names = (status: string): string =>
    listText(
      series.filter(({ worst }) => worst === status).map(({ label }) => label),
      NAMED,
    );
  if (drifted > 0) {
    const of = `${countText(drifted)} of ${countOf(judged.length, 'window')} with enough rows ${drifted === 1 ? 'is' : 'are'} in drift`;
    return `${of}: ${names('DRIFT')}`;
  }
  const warned = names('WARN');
  return `No drift in ${countOf(judged.length, 'window')} with enough rows${warned && `, but warnings for ${warned}`}`;
}
