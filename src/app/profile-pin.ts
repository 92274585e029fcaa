/** `weir profile pin`: adds up windows that somebody has found healthy, to compare later ones with. */
import { pinnedProfileFrom, type PinnedProfile } from '../drift/pinned-profile.ts';
import type { ReferenceProfile } from '../drift/reference-profile.ts';
import { compareSizes, windowSizeFrom } from '../core/window-size.ts';
import { WeirError } from '../core/errors.ts';
import { type DriftExport, exportDrift } from './drift-export.ts';
import type { DriftHistoryOptions } from './drift-history.ts';

/** Which windows are pinned: those that lie between the times. */
export type PinOptions = Omit<DriftHistoryOptions, 'model' | 'version'>;

/** Windows that were added up, and what to tell of them. */
export interface Pinned {
  readonly pinned: PinnedProfile;
  /** Of these windows, so many were in drift against what decided then. */
  readonly drifted: number;
  /** Windows that would fit, but whose counts are not kept any more. */
  readonly withoutCounts: number;
}

/**
 * Reads the final windows of the model version of a profile that were counted in its bins, and adds up those that lie between the times.
 * Nothing is written to Kafka.
 * @param reference of the model package
 * @throws WeirError `reference_invalid` when there are none; `topic_missing`, `not_authorized`, `kafka_unavailable`, `registry_unavailable`
 */
export async function pinWindows(reference: ReferenceProfile, options: PinOptions): Promise<Pinned> {
  const { name: model, version } = reference.model;
  return pinnedOf(reference, await exportDrift({ ...options, model, version }), options);
}

/** Adds up windows that were read. @throws WeirError `reference_invalid` when none fits */
export function pinnedOf(
  reference: ReferenceProfile,
  { windows, topic }: Pick<DriftExport, 'windows' | 'topic'>,
  { fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY }: Pick<PinOptions, 'fromMs' | 'toMs'>,
): Pinned {
  const within = windows.filter(
    ({ final, windowStart, windowEnd, referenceId }) =>
      final && windowStart >= fromMs && windowEnd <= toMs && referenceId === reference.referenceId,
  );
  // Windows of several sizes are counts of the same rows. The shortest fit a stretch of time best.
  const sizes = [...new Set(within.map(({ window }) => window))].map(windowSizeFrom).filter((size) => size !== undefined);
  const size = sizes.toSorted(compareSizes)[0]?.name;
  const ofSize = within.filter(({ window }) => window === size);
  const withCounts = ofSize.filter(({ prediction }) => prediction.cells !== null);
  if (withCounts.length === 0) {
    const which = `that lies between these times and was counted in the bins of reference ${reference.referenceId.slice(0, 12)}`;
    throw new WeirError('reference_invalid', `Topic ${topic} has no final window with counts ${which}; weir drift ls lists the windows.`);
  }
  return {
    pinned: pinnedProfileFrom(reference, withCounts),
    drifted: withCounts.filter(({ overallDrift }) => overallDrift).length,
    withoutCounts: ofSize.length - withCounts.length,
  };
}
