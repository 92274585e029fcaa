/**
 * The one table of everything that can go wrong in weir. Codes, dead-letter reasons, exit codes and
 * `docs/reference/errors.md` all come from here, so a code that is not in this table cannot be used.
 */

/**
 * What the caller must do with an error:
 * `record`: this record becomes a dead letter, the rest goes on;
 * `retriable`: the whole batch waits with back-off and partitions are paused;
 * `fatal`: stop with a non-zero exit code. An error that is in no table is fatal.
 */
export type ErrorKind = 'record' | 'retriable' | 'fatal';

/** The step of the path in which an error arose; the value of the header `weir.error.stage`. */
export type Stage = 'source' | 'decode' | 'enrich' | 'validate' | 'score' | 'emit' | 'drift' | 'start';

interface ErrorEntry {
  readonly kind: ErrorKind;
  readonly stage: Stage;
  /** One sentence: what happened. */
  readonly title: string;
  /** One sentence: what the person who reads it should do. */
  readonly action: string;
}

const entry = <K extends ErrorKind>(kind: K, stage: Stage, title: string, action: string): ErrorEntry & { readonly kind: K } => ({
  kind,
  stage,
  title,
  action,
});

/** Every error of weir by its code. Generated into `docs/reference/errors.md`. */
export const ERROR_TABLE = {
  // --- record: the record is at fault; it becomes a dead letter -------------------------------------------------
  tombstone: entry(
    'record',
    'decode',
    'The record has no value.',
    'Set input.tombstones to skip if tombstones are expected on this topic.',
  ),
  frame_invalid: entry(
    'record',
    'decode',
    'The bytes before the Avro body are not what input.format announces.',
    'Compare input.format with what the producer writes.',
  ),
  schema_unknown: entry(
    'record',
    'decode',
    'The schema registry does not know the schema id of the record.',
    'Register the schema, or find the producer that made up the id.',
  ),
  schema_incompatible: entry(
    'record',
    'decode',
    'The writer schema cannot be resolved to the columns the model needs.',
    'Run weir check with the new schema; give the missing field a default or roll the schema back.',
  ),
  decode_failed: entry(
    'record',
    'decode',
    'The bytes are not a value of their writer schema, or not a JSON object.',
    'Look at the producer: the body is truncated, has bytes left over, or was written with another schema; of JSON, the message names the byte.',
  ),
  data_unresolvable: entry(
    'record',
    'decode',
    'The record can be read but a value does not fit (an enum symbol or union branch the reader lacks, a number out of range, a JSON value of another type or a list of another length than its column).',
    'Correct the producer, or widen the reader schema or the binding.',
  ),
  feature_missing: entry(
    'record',
    'enrich',
    'The online store has no row for the entity and the group says onMissing: dead-letter.',
    'Load the feature, or set onMissing to default or nan.',
  ),
  feature_unavailable: entry(
    'record',
    'enrich',
    'The online store did not answer and the group says onUnavailable: dead-letter.',
    'Restore the store and redrive, or set onUnavailable to pause.',
  ),
  missing_required: entry(
    'record',
    'validate',
    'A required column has no value.',
    'Send the field, give the column a default, or drop required.',
  ),
  not_finite: entry(
    'record',
    'validate',
    'A column holds NaN or infinity where the model package does not allow it.',
    'Correct the producer, or set onInvalid for the column.',
  ),
  out_of_range: entry(
    'record',
    'validate',
    'A column lies outside the range of the model package.',
    'Correct the producer, widen min and max, or set onInvalid to clamp, default or flag.',
  ),
  inference_failed: entry(
    'record',
    'score',
    'ONNX Runtime fails on this row, and on this row alone.',
    'Run the row through the model by hand; bound the column in model.yaml.',
  ),
  inference_abandoned: entry(
    'record',
    'score',
    'The model did not end its run with this row within model.runTimeoutMs, or the run killed its thread, in company and alone.',
    'Run the row through the model by hand; bound the column in model.yaml, or raise model.runTimeoutMs if the model is that slow.',
  ),
  output_invalid: entry(
    'record',
    'score',
    'The model gave a score that is not finite.',
    'Check the model on this row; bound its inputs in model.yaml.',
  ),
  output_too_large: entry(
    'record',
    'emit',
    'The prediction is larger than the output topic accepts.',
    'Raise max.message.bytes of the topic or ask for fewer outputs.',
  ),
  // --- retriable: nobody's fault; wait ----------------------------------------------------------------------------
  kafka_unavailable: entry('retriable', 'emit', 'Kafka does not answer or a leader is moving.', 'Wait; check the brokers if it lasts.'),
  transaction_aborted: entry(
    'retriable',
    'emit',
    'A transaction was lost: the group has moved on, it took too long, or another producer has its id.',
    'Do nothing; its records are read and scored again, and nothing of it is seen. If it lasts, look for two workers with one delivery.transactionalId.',
  ),
  registry_unavailable: entry('retriable', 'decode', 'The schema registry does not answer.', 'Wait; schemas already known go on working.'),
  store_unavailable: entry(
    'retriable',
    'enrich',
    'The online store does not answer within its deadline.',
    'Wait; check the store if it lasts.',
  ),
  start_aborted: entry('retriable', 'start', 'The worker was told to stop while it was starting.', 'Do nothing; it was told to.'),
  // --- fatal: somebody must act -----------------------------------------------------------------------------------
  config_invalid: entry(
    'fatal',
    'start',
    'The pipeline file is not valid.',
    'Correct the lines named; weir check shows all of them at once.',
  ),
  bench_without_events: entry(
    'fatal',
    'start',
    'There are no events to measure the pipeline with.',
    'Give weir bench a schema to make events of (--schema), or records of the input topic (--from-topic).',
  ),
  input_file_invalid: entry(
    'fatal',
    'start',
    'A file with rows or events cannot be used.',
    'Correct the file at the place named, or the options that say what is in it.',
  ),
  model_invalid: entry(
    'fatal',
    'start',
    'The model package cannot be used.',
    'Correct the package as the message says; weir check shows all findings.',
  ),
  model_stalled: entry('fatal', 'score', 'Threads of the model do not answer.', 'Score the records that the log names by hand.'),
  schema_invalid: entry('fatal', 'start', 'A schema file is not a valid Avro schema.', 'Correct the file.'),
  reference_invalid: entry(
    'fatal',
    'start',
    'The reference profile cannot be used with this model package.',
    'Build it again with weir profile build.',
  ),
  topic_missing: entry(
    'fatal',
    'start',
    'A topic does not exist.',
    'Run weir topics apply; with --with-input it makes the input topic as well.',
  ),
  offset_out_of_range: entry(
    'fatal',
    'source',
    'The committed offset is no longer in the log: retention has removed records that were never scored.',
    'Decide what that means, then set input.onOutOfRange to earliest or latest.',
  ),
  compression_unsupported: entry(
    'fatal',
    'source',
    'Records are compressed with a codec that this version does not know.',
    'Produce with none, gzip, snappy, lz4 or zstd; a codec number beyond these comes from a newer Kafka.',
  ),
  record_batch_corrupt: entry(
    'fatal',
    'source',
    'A record batch in the log is damaged: its checksum, its sizes or its compression do not agree with its bytes.',
    'Check the disks of the broker that leads the partition; to go on without the batch, commit the offset after it for the group.',
  ),
  record_batch_too_large: entry(
    'fatal',
    'source',
    'A record batch inflates to more bytes than weir takes into memory.',
    'Find the producer; to go on without the batch, commit the offset after it for the group.',
  ),
  record_format_unsupported: entry(
    'fatal',
    'source',
    'The topic holds records in a format from before Kafka 0.11.',
    'Copy the topic with a current producer, or let retention remove the old segments.',
  ),
  not_authorized: entry('fatal', 'start', 'Kafka or the registry refuses the credentials.', 'Check user, password and ACLs.'),
  store_misconfigured: entry(
    'fatal',
    'start',
    'The online store refuses the credentials or holds another layout than configured.',
    'Check the URL, the password and features.<group>.layout.',
  ),
  output_refused: entry(
    'fatal',
    'emit',
    'Kafka refuses a record batch that is larger than the topic accepts.',
    'Compare max.message.bytes of the output topics with that of the input topic; weir topics apply shows what differs.',
  ),
  transactional_id_shared: entry(
    'fatal',
    'emit',
    'Other producers keep taking over the transactional id of this worker.',
    'Give each worker a delivery.transactionalId of its own.',
  ),
  drain_timeout: entry(
    'fatal',
    'emit',
    'What was in flight could not be settled within shutdownTimeoutMs after SIGTERM.',
    'It is scored again by the next owner of its partitions; look for what did not answer.',
  ),
  worker_crashed: entry(
    'fatal',
    'start',
    'A worker process of the pool ended without saying why: it was killed, or it crashed.',
    'Look at its last lines in the log; a worker that is killed with SIGKILL mostly had too little memory. The number of workers is --workers.',
  ),
  dead_letter_share_exceeded: entry(
    'fatal',
    'emit',
    'Most records became dead letters for too long: going on would drain the topic into the dead letters.',
    'Look at weir dlq ls for the reason and mend it (schema, model, store); to let them all through, set output.deadLetters.guard.enabled to false.',
  ),
  redrive_superseded: entry(
    'fatal',
    'emit',
    'Another weir dlq redrive of this pipeline has begun and has taken over.',
    'Let it finish, then run this one again: what has been redriven is not redriven twice.',
  ),
  state_invalid: entry(
    'fatal',
    'source',
    'An internal invariant does not hold.',
    'Do what the message says; where it says nothing, report it with the log and restart the worker.',
  ),
  unknown: entry('fatal', 'source', 'An error that weir does not know.', 'Report it with the log.'),
} as const satisfies Record<string, ErrorEntry>;
