/**
 * The seams of weir: what the pipeline asks of the world. Adapters (kafka, avro, features, model, drift, ops) implement
 * these; `src/pipeline` imports nothing else.
 */
import type { BytesColumn } from './bytes-column.ts';
import type { WeirError } from './errors.ts';
import type { FramedOutputRecords } from './framed-outputs.ts';
import type { OutputRecords } from './outputs.ts';
import type { AssignmentOrigin, Position, RecordBatch, RecordSlice, TopicPartition } from './records.ts';
import type { Rows, Scores } from './rows.ts';
import type { WrongTypes } from './wrong-types.ts';

/** Structured logging. Never log a payload, a key or a password. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What happens to a source's partitions, told to the pipeline as it happens. All calls are synchronous. */
export interface SourceListener {
  /** Records are queued, or the source ended or failed: `take` and `state` are worth a look. */
  onReady(): void;
  /** These partitions are gone; their queued records are dropped already, rows in the pipeline must not be emitted. */
  onRevoked(partitions: readonly TopicPartition[]): void;
  /**
   * A rebalance is about to begin: begin nothing new until `onResumed`, settle what is in flight and commit, then return.
   * Bounded by the source's own time-out; what is not settled by then is revoked, and processed again by the next owner.
   * @throws WeirError when it could not all be committed
   */
  onRebalance(): Promise<void>;
  /** The rebalance is over, and what of the old partitions has not come back was revoked: work may go on. */
  onResumed(): void;
}

/** A stream of record batches with positions. Delivery is pull: the source never calls with records. */
export interface Source {
  /** Connects and begins to fetch. Resolves when the first assignment is there. @throws WeirError */
  start(listener: SourceListener): Promise<void>;
  /** The next queued batch, or undefined when none is queued. Never blocks. Batches of one partition come in offset order. */
  take(): RecordBatch | undefined;
  /**
   * The pipeline is done with these records, and will not look at them again. Until then they count towards the source's
   * bounds. Records of one partition are released in the order in which they were taken.
   */
  release(slices: readonly RecordSlice[]): void;
  /**
   * Positions that have moved past offsets nobody will see (control records, aborted transactions, compacted records), of
   * partitions of which all that was taken is released. Each is told once, to be settled like a batch without records.
   */
  takeIdlePositions(): Position[];
  /** True when this epoch of the partition is still ours. */
  owns(partition: TopicPartition & { readonly epoch: number }): boolean;
  /** How the newest stretch of the assignment of a partition began; undefined when it is not ours. */
  originOf(partition: TopicPartition): AssignmentOrigin | undefined;
  /** Partitions assigned now. */
  assignment(): readonly TopicPartition[];
  /** Stops fetching for good; what is queued can still be taken. Resolves when nothing more will be queued. */
  stopFetching(): Promise<void>;
  /** Leaves the group and disconnects. */
  close(): Promise<void>;
  /** True when no record will ever come again (a file was read to its end); never true for a topic. */
  readonly ended: boolean;
  /** Set when the source cannot go on. */
  readonly failure: WeirError | undefined;
}

/** What one or more micro-batches produced, and how far their partitions are settled by it. */
export interface Emission {
  readonly outputs: readonly OutputRecords[];
  readonly positions: readonly Position[];
  /** The last one of a commit interval: all that was counted is in it, and positions are made durable with it. */
  readonly isClosing: boolean;
}

/**
 * The way out. Writing outputs and moving positions is one act: a sink for exactly-once does both in one transaction,
 * one for at-least-once writes first and moves positions after the acknowledgement.
 */
export interface Sink {
  start(): Promise<void>;
  /**
   * Resolves when the brokers have the outputs: true; or false when they were withdrawn, because positions in them are not
   * ours any more or are read again. Emissions are made one after another, in input order.
   * @throws WeirError
   */
  emit(emission: Emission): Promise<boolean>;
  /**
   * How far the group's position is sure to be by the time an emission with `position` can be read, if the assignment is still the same: nobody
   * begins before it. −1: nothing is known.
   */
  committedWith(position: Position): number;
  /** Milliseconds until an emission with `isClosing` is due; infinity when nothing is open. */
  msUntilClosing(nowMs: number): number;
  /** Set when something went wrong between emissions (a commit): the pipeline must end. */
  readonly failure: WeirError | undefined;
  /** Makes all positions of past emissions durable now (at a rebalance and at the end). */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Turns the bytes of records into rows. */
export interface Codec {
  /**
   * Fills event columns, entities and event times of all rows; a record that cannot be read fails its row and no
   * other. Returns a promise only when something must be fetched first (a writer schema).
   * @throws WeirError `registry_unavailable` (retriable) when schemas cannot be had now
   */
  decode(rows: Rows): void | Promise<void>;
}

/** The distinct entities of a batch for one feature group. */
export interface EntityKeys {
  readonly count: number;
  /** Row i holds the bytes of entity i; never null. */
  readonly column: BytesColumn;
}

/** Where an online store puts feature values. Row i belongs to entity i of the request. Reused from batch to batch. */
export interface FeatureTable {
  /** One value a float feature and entity: `floats[entity * floatFeatures.length + f]`. NaN: absent or null. */
  floats: Float32Array;
  /** One column a string feature, in the order of `stringFeatures`. Null: absent or null. */
  readonly texts: readonly BytesColumn[];
  /** `GROUP_HIT` or `GROUP_MISS` per entity. */
  state: Uint8Array;
  /** When the row was written, milliseconds since the epoch; NaN when the store does not know. */
  writtenAtMs: Float64Array;
  /** Values that are there but cannot be read as what is wanted; they are absent in the columns above. */
  readonly wrongTypes: WrongTypes;
}

/** One feature group as an online store must read it. */
export interface FeatureGroup {
  readonly name: string;
  readonly floatFeatures: readonly string[];
  readonly stringFeatures: readonly string[];
}

/** A reader of one feature group. One call a batch, one round trip a call. */
export interface FeatureReader {
  readonly group: FeatureGroup;
  /**
   * Fetches all entities at once into `table`, which has room for them.
   * A row that cannot be read (not the layout) is a miss of that entity, a single value is absent; both are noted in `wrongTypes`.
   * @throws WeirError `store_unavailable` (retriable) or `store_misconfigured` (fatal)
   */
  fetch(keys: EntityKeys, table: FeatureTable): Promise<void>;
}

/** A store of feature groups. */
export interface OnlineStore {
  /** @throws WeirError when the store refuses or holds another layout */
  start(): Promise<void>;
  reader(group: FeatureGroup): FeatureReader;
  /**
   * Some of the entities that a group has rows of, in no order. Looks through a bounded number of keys, so it may find none
   * where there are some. For tools, never on the path of a record. Call `start` first.
   * @throws WeirError `store_unavailable`, `store_misconfigured`
   */
  sampleEntities(group: string, limit: number): Promise<string[]>;
  /** True when the last contact succeeded. */
  isHealthy(): boolean;
  close(): Promise<void>;
}

/** A loaded, checked and warmed model version. */
export interface Model {
  readonly name: string;
  readonly version: string;
  /** Most rows of one run: larger micro-batches take several. Undefined: all in one. */
  readonly runRows?: number;
  /** Rows in `[fromRow, toRow)` are scored into the same places of `scores`. Rows that are not ok hold harmless values. @throws when the run fails */
  run(rows: Rows, fromRow: number, toRow: number, scores: Scores): Promise<void>;
  /** Scores with the outputs this model fills. */
  createScores(capacity: number): Scores;
  close(): Promise<void>;
}

/** Writes predictions and dead letters of a scored micro-batch. */
export interface Encoder {
  encode(rows: Rows, scores: Scores, scoredAtMs: number, predictions: FramedOutputRecords, deadLetters: OutputRecords): void;
}

/** Counts rows for drift. Synchronous and bounded; called in input order just before a batch is emitted. */
export interface DriftObserver {
  /** @param source whose records the rows are */
  observe(rows: Rows, scores: Scores, source: Pick<Source, 'originOf'>): void;
  /** A position has moved past offsets that nobody will see; see `Source.takeIdlePositions`. */
  advance(position: Position, source: Pick<Source, 'originOf'>): void;
  /**
   * Profile deltas that are due, to be emitted together with the batches they count; undefined when none are.
   * @param sink what they will be emitted to
   */
  takeDeltas(force: boolean, sink: Pick<Sink, 'committedWith'>): OutputRecords | undefined;
  /** These partitions are gone: forget what was counted for them and not yet taken. */
  revoke(partitions: readonly TopicPartition[]): void;
}

/** Why a micro-batch was closed. */
export type CloseReason = 'rows' | 'bytes' | 'delay' | 'eager' | 'drain';

/** Steps that are timed. */
export type StepName = 'decode' | 'enrich' | 'validate' | 'score' | 'drift' | 'encode' | 'emit';

/** What the pipeline tells about itself, per batch. Implemented over the metrics catalogue. */
export interface PipelineMetrics {
  /** @param limitRows rows that a micro-batch may have at present */
  batchClosed(reason: CloseReason, rows: number, limitRows: number): void;
  step(name: StepName, seconds: number): void;
  /** A batch is durable: statuses, latencies (arrival → acknowledged) and scores are in the rows. */
  settled(rows: Rows, scores: Scores, nowMonotonicMs: number): void;
  /** A batch waits for something retriable. */
  retried(name: StepName, code: string): void;
  invalid(column: string, action: string, count: number): void;
  inFlight(batches: number): void;
}
