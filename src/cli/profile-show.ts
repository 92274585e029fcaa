import {
  cellNames,
  compareProfiles,
  type FeatureDifference,
  measureReference,
  readProfileOf,
  type ReferenceFeature,
  type ReferenceProfile,
} from '../app/reference-file.ts';
import { WeirError } from '../core/errors.ts';
import { EXIT_CODES } from './failure.ts';
import { type Terminal, table } from './terminal.ts';
import { numberText, safeText, shortText } from './text.ts';

/** Options of `weir profile show` and `diff`. */
export interface ProfileShowOptions {
  readonly config: string;
  readonly file?: string;
  readonly column?: string;
  readonly against?: string;
  readonly json?: boolean;
}

/** `weir profile show`. @throws WeirError */
export async function profileShowCommand({ config, file, column, json }: ProfileShowOptions, terminal: Terminal): Promise<number> {
  const profile = await readProfileOf({ file, config, env: terminal.env });
  if (json) terminal.out(JSON.stringify(profile));
  else for (const line of column === undefined ? profileLines(profile) : columnLines(profile, column)) terminal.out(line);
  return EXIT_CODES.ok;
}

/** `weir profile diff`. @throws WeirError */
export async function profileDiffCommand({ config, file, against, json }: ProfileShowOptions, terminal: Terminal): Promise<number> {
  const after = await readProfileOf({ file, config, env: terminal.env });
  const before = await readProfileOf({ file: against, config, env: terminal.env });
  const differences = compareProfiles(before, after);
  if (json) for (const difference of differences) terminal.out(JSON.stringify(difference));
  else for (const line of differenceLines(before, after, differences)) terminal.out(line);
  return EXIT_CODES.ok;
}

/** Measures of the reference's own performance, in the order in which they are shown. */
const SHOWN = ['auc', 'accuracy', 'precision', 'recall', 'f1', 'logLoss', 'brier', 'mae', 'rmse', 'r2', 'positiveRate'] as const;

/** A line for each feature, and one for the performance of the scores where it is known. */
export function profileLines(profile: ReferenceProfile): string[] {
  const { model, rows, observedRows, referenceId, features, prediction } = profile;
  const sample = observedRows > rows ? ` (a sample of ${numberText(observedRows)})` : '';
  const cells = [...features, { ...prediction, name: `score (${prediction.name})` }].map((feature) => {
    const numbers =
      feature.type === 'CATEGORICAL' ? ['', '', '', ''] : [feature.min, feature.mean, feature.max, feature.std].map(shortText);
    const parts = feature.type === 'CATEGORICAL' ? `${feature.vocabulary.length} words` : `${feature.counts.length} bins`;
    return [safeText(feature.name), feature.type, parts, percent(feature.missing / rows), ...numbers];
  });
  return [
    `${safeText(model.name)} ${safeText(model.version)}: ${numberText(rows)} rows${sample}, reference ${referenceId.slice(0, 12)}`,
    ...table([['COLUMN', 'TYPE', 'CELLS', 'MISSING', 'MIN', 'MEAN', 'MAX', 'STD'], ...cells]),
    ...performanceLines(profile),
  ];
}

function performanceLines(profile: ReferenceProfile): string[] {
  const known = measureReference(profile);
  if (!known) return [];
  const { task, measures } = known;
  const shown = SHOWN.filter((name) => measures[name] !== null).map((name) => `${name} ${shortText(measures[name])}`);
  return [`performance (${task.kind}) of ${numberText(measures.n)} labelled rows: ${shown.join(', ')}`];
}

/** A line for each cell of one feature. @throws WeirError `reference_invalid` when there is none of that name */
export function columnLines({ features, prediction }: ReferenceProfile, column: string): string[] {
  const feature: ReferenceFeature | undefined =
    features.find(({ name }) => name === column) ?? (column === 'score' ? prediction : undefined);
  if (!feature)
    throw new WeirError(
      'reference_invalid',
      `The profile has no column ${column}; it has ${features.map(({ name }) => name).join(', ')}, score.`,
    );
  const total = feature.counts.reduce((a, b) => a + b, 0);
  const names = cellNames(feature).map(safeText);
  const cells = feature.counts.map((count, i) => [names[i]!, numberText(count), percent(total > 0 ? count / total : 0)]);
  return table([[feature.type === 'CATEGORICAL' ? 'WORD' : 'BIN', 'VALUES', 'SHARE'], ...cells]);
}

/** What differs, the most moved first. */
export function differenceLines(before: ReferenceProfile, after: ReferenceProfile, differences: readonly FeatureDifference[]): string[] {
  const title = (profile: ReferenceProfile): string =>
    `${safeText(profile.model.name)} ${safeText(profile.model.version)} (${numberText(profile.rows)} rows)`;
  if (before.referenceId === after.referenceId)
    return [`Both are the same profile: ${title(after)}, reference ${after.referenceId.slice(0, 12)}.`];
  return [
    `${title(before)} → ${title(after)}`,
    ...table([['COLUMN', 'MOVED', 'MEAN', 'STD', 'MISSING', 'NOTE'], ...differences.map(differenceCells)]),
  ];
}

function differenceCells({ name, in: where, types, moved, isLowerBound, mean, std, missingRate, newWords }: FeatureDifference): string[] {
  const arrow = (pair: readonly [string, string] | undefined): string =>
    pair ? (pair[0] === pair[1] ? pair[0] : `${pair[0]} → ${pair[1]}`) : '';
  const notes = [
    ...(where === 'both' ? [] : [`only in the ${where === 'before' ? 'earlier' : 'later'} profile`]),
    ...(new Set(types).size > 1 ? [`${types.join(' → ')}`] : []),
    ...(isLowerBound && moved !== null ? ['cells differ'] : []),
    ...(newWords.length > 0
      ? [`new: ${newWords.slice(0, 4).map(safeText).join(', ')}${newWords.length > 4 ? ` and ${newWords.length - 4} more` : ''}`]
      : []),
  ];
  return [
    safeText(name),
    moved === null ? '-' : `${isLowerBound ? '≥ ' : ''}${percent(moved)}`,
    arrow(mean ? [shortText(mean[0]), shortText(mean[1])] : undefined),
    arrow(std ? [shortText(std[0]), shortText(std[1])] : undefined),
    arrow(missingRate ? [percent(missingRate[0]), percent(missingRate[1])] : undefined),
    notes.join('; '),
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share !== 0 && share < 0.0995 ? 1 : 0)} %`;
}
