import { createHash } from 'node:crypto';
import { z } from 'zod';
import { WeirError } from '../core/errors.ts';
import { type CellLayout, MARKS } from './cells.ts';
import type { ComparedCounts } from './comparison.ts';
import type { ExportedFeature, ExportedWindow } from './exported-window.ts';
import { canonicalJson, type ReferenceProfile } from './reference-profile.ts';

/** Format name inside a file of pinned windows; grows when the meaning of a field changes. */
export const PINNED_FORMAT = 'weir-pinned-profile/1';

const count = z.int().nonnegative();

const pinnedFeature = z.strictObject({
  name: z.string(),
  /** One a cell of the feature in the reference profile. */
  counts: z.array(count),
  missing: count,
  infinite: count,
  belowDomain: count,
  aboveDomain: count,
  typeMismatches: count,
  skewCompared: count,
  skewMismatched: count,
});

/** Marks that a window is judged by; the others say how values came about. */
const PINNED_MARKS = ['missing', 'infinite', 'belowDomain', 'aboveDomain', 'typeMismatches', 'skewCompared', 'skewMismatched'] as const;

const pinnedSchema = z.strictObject({
  format: z.literal(PINNED_FORMAT),
  model: z.strictObject({ name: z.string(), version: z.string() }),
  /** The reference profile whose bins they were counted into. */
  referenceId: z.string(),
  /** Size of the windows that were added up, and how many. */
  window: z.string(),
  windows: z.int().positive(),
  /** From the start of the first to the end of the last, event time in milliseconds since the epoch. */
  from: z.int(),
  to: z.int(),
  rows: count,
  /** Dead letters that had a value of a wrong type; not among the rows. */
  rejected: count,
  features: z.array(pinnedFeature),
  prediction: pinnedFeature,
  pinnedId: z.string(),
});

type PinnedFeature = Readonly<z.infer<typeof pinnedFeature>>;
/** Final windows that somebody has found healthy, added up, in the bins of the reference profile. */
export type PinnedProfile = Readonly<z.infer<typeof pinnedSchema>>;

/**
 * Adds up windows.
 * @param windows final ones of one size that do not overlap, counted with this reference, all with counts
 * @throws WeirError `reference_invalid` when there are none, or they are not
 */
export function pinnedProfileFrom(reference: ReferenceProfile, windows: readonly ExportedWindow[]): PinnedProfile {
  const [first] = windows;
  if (!first) throw invalid('There are no windows to pin.');
  const { referenceId, model } = reference;
  for (const { final, window, referenceId: id, features, prediction } of windows) {
    const isFit = final && window === first.window && id === referenceId && [...features, prediction].every(({ cells }) => cells !== null);
    if (!isFit) throw invalid(`Only final windows of one size, counted with reference ${referenceId}, can be pinned together.`);
  }
  const sum = (name: string, of: readonly ExportedFeature[]): PinnedFeature => {
    const marked = (mark: string): number => of.reduce((all, { marks }) => all + (marks?.[mark] ?? 0), 0);
    const counts = of[0]!.cells!.counts.map((_, cell) => of.reduce((all, { cells }) => all + cells!.counts[cell]!, 0));
    const marks = Object.fromEntries(PINNED_MARKS.map((mark) => [mark, marked(mark)])) as Record<(typeof PINNED_MARKS)[number], number>;
    return { name, counts, ...marks };
  };
  const content = {
    format: PINNED_FORMAT,
    model,
    referenceId,
    window: first.window,
    windows: windows.length,
    from: Math.min(...windows.map(({ windowStart }) => windowStart)),
    to: Math.max(...windows.map(({ windowEnd }) => windowEnd)),
    rows: windows.reduce((all, { events }) => all + events, 0),
    rejected: windows.reduce((all, { rejected }) => all + rejected, 0),
    features: reference.features.map(({ name }, index) =>
      sum(
        name,
        windows.map(({ features }) => features[index]!),
      ),
    ),
    prediction: sum(
      reference.prediction.name,
      windows.map(({ prediction }) => prediction),
    ),
  } as const;
  return { ...content, pinnedId: pinnedIdOf(content) };
}

/**
 * Reads pinned windows.
 * @param json parsed JSON
 * @param reference profile in whose bins they must be
 * @throws WeirError `reference_invalid` when it is no such file, was changed, or is in the bins of another profile
 */
export function parsePinnedProfile(json: unknown, reference: ReferenceProfile): PinnedProfile {
  const parsed = pinnedSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(`Pinned windows are not valid at ${issue!.path.join('.') || 'their root'}: ${issue!.message}.`);
  }
  const { data: pinned } = parsed;
  if (pinned.pinnedId !== pinnedIdOf(pinned)) throw invalid('Pinned windows are not valid: the file was changed after it was written.');
  if (pinned.referenceId !== reference.referenceId) {
    throw invalid(
      `Pinned windows were counted in the bins of reference ${pinned.referenceId.slice(0, 12)}, but the model has ` +
        `${reference.referenceId.slice(0, 12)}; pin windows that were counted with it: weir profile pin.`,
    );
  }
  const wanted = [...reference.features, reference.prediction];
  const found = [...pinned.features, pinned.prediction];
  const isFit = found.length === wanted.length && wanted.every(({ counts }, i) => counts.length === found[i]!.counts.length);
  if (!isFit) throw invalid('Pinned windows are not valid: their cells are not those of the reference profile.');
  return pinned;
}

/** The counts of pinned windows where a layout has them. @param cells of the reference in whose bins they are */
export function pinnedCounts(
  { features, prediction, pinnedId, rejected }: PinnedProfile,
  cells: CellLayout,
): ComparedCounts & { readonly pinnedId: string } {
  const counts = new Float64Array(cells.cells);
  const marks = new Float64Array(cells.features.length * MARKS.length);
  for (const [index, feature] of [...features, prediction].entries()) {
    counts.set(feature.counts, cells.features[index]!.start);
    for (const mark of PINNED_MARKS) marks[index * MARKS.length + MARKS.indexOf(mark)] = feature[mark];
  }
  return { counts, marks, rejected, pinnedId };
}

/** sha256 (hex) of the canonical JSON of all but `pinnedId`. */
function pinnedIdOf(content: Omit<PinnedProfile, 'pinnedId'> & { readonly pinnedId?: string }): string {
  const { pinnedId: _, ...rest } = content;
  return createHash('sha256').update(canonicalJson(rest)).digest('hex');
}

function invalid(message: string): WeirError {
  return new WeirError('reference_invalid', message);
}
