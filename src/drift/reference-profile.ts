import { createHash } from 'node:crypto';
import { z } from 'zod';
import { WeirError } from '../core/errors.ts';
import type { RowLayout } from '../core/layout.ts';
import { nextUpFloat32 } from './bins.ts';
import { performanceProblemOf, performanceSection } from './performance/reference.ts';

/** Format name inside a reference file; grows when the meaning of a field changes. */
export const REFERENCE_FORMAT = 'weir-reference-profile/1';
/** Name of the score among the features. Column names cannot collide with it, as it is kept apart. */
export const SCORE_NAME = 'score';
/** In-domain values span at most this many quanta, so sums of 2^33 of them are exact integers. */
export const QUANTA = 2 ** 20;
/** Values further out than this many quanta are summed as if they lay there. Keeps sums exact up to 2^27 such values. */
export const MAX_QUANTA = 2 ** 26;

const count = z.int().nonnegative();
const finite = z.number();

const numericFeature = z.strictObject({
  name: z.string(),
  type: z.enum(['NUMERIC', 'DISCRETE']),
  /** Ascending float32 edges; bin(x) = number of edges ≤ x. */
  edges: z.array(finite).max(1000),
  /** Coarse bin of each bin. */
  fold: z.array(count),
  counts: z.array(count),
  /** Per bin: sum of round((value − origin) / quantum). Integers, so that adding up is exact in any order. */
  sums: z.array(z.int()),
  missing: count,
  infinite: count,
  /** Smallest and largest reference value; null when there is none. */
  min: finite.nullable(),
  max: finite.nullable(),
  mean: finite.nullable(),
  std: finite.nullable(),
  origin: finite,
  /** A power of two. */
  quantum: finite.positive(),
});

const categoricalFeature = z.strictObject({
  name: z.string(),
  type: z.literal('CATEGORICAL'),
  vocabulary: z.array(z.string()).max(200),
  /** One a word of the vocabulary, and the last for all others. */
  counts: z.array(count),
  missing: count,
});

const profileSchema = z.strictObject({
  format: z.literal(REFERENCE_FORMAT),
  model: z.strictObject({ name: z.string(), version: z.string() }),
  rows: z.int().positive(),
  /** Rows that were offered; more than `rows` when a sample was taken. */
  observedRows: z.int().positive(),
  features: z.array(z.discriminatedUnion('type', [numericFeature, categoricalFeature])),
  prediction: numericFeature,
  /** How good the scores of the reference rows are, as far as their truth was known. */
  performance: performanceSection.exactOptional(),
  referenceId: z.string(),
});

/** A float column, or the score, as the reference saw it. */
export type NumericFeature = Readonly<z.infer<typeof numericFeature>>;
/** A string column as the reference saw it. */
export type CategoricalFeature = Readonly<z.infer<typeof categoricalFeature>>;
/** One feature of a reference profile. */
export type ReferenceFeature = NumericFeature | CategoricalFeature;
/** What the inputs and the score of one model version looked like at reference time. Immutable; bins never move. */
export type ReferenceProfile = Readonly<z.infer<typeof profileSchema>>;

/** The profile without its identity. */
export type ReferenceContent = Omit<ReferenceProfile, 'referenceId'>;

/** Gives a profile its identity: sha256 of its canonical JSON. */
export function referenceProfileFrom(content: ReferenceContent): ReferenceProfile {
  return { ...content, referenceId: referenceIdOf(content) };
}

/** sha256 (hex) of the canonical JSON (RFC 8785: sorted keys, shortest numbers) of all but `referenceId`. */
export function referenceIdOf(content: ReferenceContent & { referenceId?: string }): string {
  const { referenceId: _, ...rest } = content;
  return createHash('sha256').update(canonicalJson(rest)).digest('hex');
}

/** JSON with sorted keys and no spaces. Numbers must be finite. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

/**
 * Reads a reference profile.
 * @param json parsed JSON
 * @throws WeirError `reference_invalid` when it is not a profile, contradicts itself, or was changed after it was built
 */
export function parseReferenceProfile(json: unknown): ReferenceProfile {
  const parsed = profileSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(`The reference profile is not valid at ${issue!.path.join('.') || 'its root'}: ${issue!.message}.`);
  }
  const profile = parsed.data;
  for (const feature of [...profile.features, profile.prediction]) {
    const problem = problemOf(feature, profile.rows);
    if (problem) throw invalid(`The reference profile is not valid: feature ${feature.name}: ${problem}.`);
  }
  const problem = performanceProblemOf(profile);
  if (problem) throw invalid(`The reference profile is not valid: performance: ${problem}.`);
  const expected = referenceIdOf(profile);
  if (profile.referenceId !== expected) {
    throw invalid(`The reference profile says referenceId ${profile.referenceId}, but its content has ${expected}: it was changed.`);
  }
  return profile;
}

/** The text of a reference file. */
export function serializeReferenceProfile(profile: ReferenceProfile): string {
  return `${canonicalJson(profile)}\n`;
}

/**
 * Checks that a profile was built for this model version and for exactly the columns that drift counts, in this order.
 * @throws WeirError `reference_invalid`
 */
export function checkReferenceProfile(
  profile: ReferenceProfile,
  layout: RowLayout,
  model: { readonly name: string; readonly version: string },
): void {
  const { name, version } = profile.model;
  if (name !== model.name || version !== model.version) {
    throw invalid(`The reference profile was built for model ${name} ${version}, not for ${model.name} ${model.version}.`);
  }
  const kindOf = (feature: ReferenceFeature): string => (feature.type === 'CATEGORICAL' ? 'string' : 'float');
  const found = profile.features.map((feature) => `${feature.name} (${kindOf(feature)})`);
  const wanted = layout.monitored.map(({ name, column }) => `${name} (${column.kind})`);
  const differs = Array.from({ length: Math.max(found.length, wanted.length) }, (_, i) => i).find((i) => found[i] !== wanted[i]);
  if (differs === undefined) return;
  throw invalid(
    `The reference profile does not fit the columns of model ${name} ${version}: column ${differs} is ` +
      `${wanted[differs] ?? 'absent'} in the model and ${found[differs] ?? 'absent'} in the profile.`,
  );
}

function problemOf(feature: ReferenceFeature, rows: number): string | undefined {
  const sum = feature.counts.reduce((a, b) => a + b, 0);
  if (feature.type === 'CATEGORICAL') {
    if (feature.counts.length !== feature.vocabulary.length + 1) return 'counts must be one more than vocabulary';
    if (new Set(feature.vocabulary).size !== feature.vocabulary.length) return 'vocabulary repeats a word';
    if (feature.vocabulary.includes('')) return 'vocabulary holds the empty string, which means missing';
    return sum + feature.missing === rows ? undefined : 'counts and missing do not add up to rows';
  }
  const { edges, counts, fold, sums, min, max } = feature;
  if (counts.length !== edges.length + 1 || fold.length !== counts.length || sums.length !== counts.length) {
    return 'counts, fold and sums must each be one more than edges';
  }
  if (edges.some((e, i) => Math.fround(e) !== e || (i > 0 && e <= edges[i - 1]!))) return 'edges must be ascending float32 values';
  if (fold.some((k) => k >= counts.length)) return 'fold names a coarse bin that cannot be';
  if (Math.log2(feature.quantum) % 1 !== 0) return 'quantum must be a power of two';
  if ((min === null) !== (max === null) || (min === null) !== (sum === 0))
    return 'min and max must be null exactly when there are no values';
  if (min !== null && max !== null) {
    if (Math.fround(min) !== min || Math.fround(max) !== max) return 'min and max must be float32 values';
    if (min > max) return 'min is above max';
    if (edges.length > 0 && edges[0]! < min) return 'an edge lies below min';
    if (edges.length > 0 && edges.at(-1)! > nextUpFloat32(max)) return 'an edge lies above max';
    if ((max - min) / feature.quantum > QUANTA) return 'quantum is too small for min and max';
    if (feature.origin !== min) return 'origin must be min';
  }
  if (min === null && edges.length > 0) return 'edges without values';
  return sum + feature.missing + feature.infinite === rows ? undefined : 'counts, missing and infinite do not add up to rows';
}

function invalid(message: string): WeirError {
  return new WeirError('reference_invalid', message);
}
