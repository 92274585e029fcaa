/** Drift: reference profiles, counting in the workers, adding up and judging in the merger. See docs/drift.md. */
export type { DriftStatus, DriftThresholds, FeatureStatistics } from './decision.ts';
export { createMerger, type DriftSnapshot, type Merger, type MergerCounts, type MergerOptions } from './merger.ts';
export { createDriftObserver, type DriftObserverOptions } from './observer.ts';
export { createReferenceBuilder, type ReferenceBuilder, type ReferenceBuilderOptions } from './reference-builder.ts';
export { checkReferenceProfile, parseReferenceProfile, type ReferenceProfile, serializeReferenceProfile } from './reference-profile.ts';
export { driftProfileSchema, driftStatisticsSchema } from './schemas.ts';
export { type DriftRecommendation, type DriftStatistics, decodeDriftStatistics, statisticsKey } from './statistics-record.ts';
