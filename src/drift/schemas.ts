import avsc, { type Type } from 'avsc';
import { readOwnSchema } from '../core/own-schemas.ts';

/** Schema of the profiles topic, as parsed JSON: to be registered, or fingerprinted, by the output framing. */
export const driftProfileSchema: unknown = readOwnSchema('drift-profile');
/** Schema of the statistics topic, as parsed JSON. */
export const driftStatisticsSchema: unknown = readOwnSchema('drift-statistics');
/** Schema of the counts topic, as parsed JSON. */
export const driftCountsSchema: unknown = readOwnSchema('drift-counts');
/** Schema of the retrain topic, as parsed JSON. */
export const retrainRequestSchema: unknown = readOwnSchema('retrain-request');
/** Schema of performance counts on the profiles topic, as parsed JSON. */
export const performanceDeltaSchema: unknown = readOwnSchema('performance-delta');
/** Schema of the performance topic, as parsed JSON. */
export const performanceStatisticsSchema: unknown = readOwnSchema('performance-statistics');

/** avsc type of `schemas/drift-profile.avsc`. */
export const driftProfileType: Type = avsc.Type.forSchema(driftProfileSchema as never, { wrapUnions: false });
/** avsc type of `schemas/drift-statistics.avsc`. */
export const driftStatisticsType: Type = avsc.Type.forSchema(driftStatisticsSchema as never, { wrapUnions: false });
/** avsc type of `schemas/drift-counts.avsc`. */
export const driftCountsType: Type = avsc.Type.forSchema(driftCountsSchema as never, { wrapUnions: false });
/** avsc type of `schemas/retrain-request.avsc`. */
export const retrainRequestType: Type = avsc.Type.forSchema(retrainRequestSchema as never, { wrapUnions: false });
/** avsc type of `schemas/performance-delta.avsc`. */
export const performanceDeltaType: Type = avsc.Type.forSchema(performanceDeltaSchema as never, { wrapUnions: false });
/** avsc type of `schemas/performance-statistics.avsc`. */
export const performanceStatisticsType: Type = avsc.Type.forSchema(performanceStatisticsSchema as never, { wrapUnions: false });
