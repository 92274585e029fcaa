/** The transport with Avro in between and nothing else: source → compiled plan → score → Avro → sink. */
import { createAvroCodec } from '../../src/avro/codec.ts';
import { encodeString, writeLong } from '../../src/avro/primitives.ts';
import { copyBytes, viewOf } from '../../src/core/bytes.ts';
import { systemClock } from '../../src/core/clock.ts';
import { Doorbell } from '../../src/core/doorbell.ts';
import { FramedOutputRecords } from '../../src/core/framed-outputs.ts';
import type { Sink } from '../../src/core/ports.ts';
import { type Position, positionAfter, type RecordSlice } from '../../src/core/records.ts';
import { Rows } from '../../src/core/rows.ts';
import { silentLogger } from '../../src/core/silent.ts';
import type { createKafka } from '../../src/kafka/client.ts';
import type { OutputTopics } from '../../src/kafka/output-topics.ts';
import type { KafkaSource } from '../../src/kafka/source.ts';
import type { CellSpec } from './cell.ts';
import { FEATURES, MODEL, scoreOf } from './events.ts';
import { type CellRun, Meter } from './meter.ts';
import { featureLayout, outputPrefix, registry } from './ours-events.ts';

/** Rows that are decoded together. */
const MAX_ROWS = 2_048;
/** Rows that are written together, while there are so many. */
const ROWS_PER_SEND = 10_000;

/** How a cell of our side is put together. */
export interface Parts {
  kafkaOf(spec: CellSpec): ReturnType<typeof createKafka>;
  sourceOf(spec: CellSpec, kafka: ReturnType<typeof createKafka>): KafkaSource;
  sinkOf(spec: CellSpec, kafka: ReturnType<typeof createKafka>, source: KafkaSource): { sink: Sink; topics: OutputTopics };
}

/** Runs an `avro` cell. */
export async function avro(spec: CellSpec, { kafkaOf, sourceOf, sinkOf }: Parts): Promise<CellRun> {
  const meter = new Meter(spec);
  const kafka = kafkaOf(spec);
  const source = sourceOf(spec, kafka);
  const { sink, topics } = sinkOf(spec, kafka, source);
  await topics.lookUp([spec.outputTopic]);
  await sink.start();
  const bell = new Doorbell(systemClock);
  await source.start({
    onReady: () => bell.ring(),
    onRevoked: () => {},
    onRebalance: () => sink.flush(),
    onResumed: () => bell.ring(),
  });
  const predict = createPredictor();
  const outputs = new FramedOutputRecords(spec.outputTopic, 1 << 20);
  for (let isOver = false; !isOver; ) {
    outputs.clear();
    const slices: RecordSlice[] = [];
    const positions = new Map<number, Position>();
    while (outputs.count < ROWS_PER_SEND) {
      const records = source.take();
      if (!records) break;
      for (let from = 0; from < records.count; from += MAX_ROWS) {
        const slice = { records, from, to: Math.min(records.count, from + MAX_ROWS), fromRow: 0 };
        await predict(slice, outputs);
        slices.push(slice);
      }
      positions.set(records.partition, positionAfter(slices.at(-1)!));
    }
    if (source.failure) throw source.failure;
    const isClosing = sink.msUntilClosing(systemClock.monotonicMs()) <= 0;
    if (slices.length > 0 || isClosing) {
      if (!(await sink.emit({ outputs: [outputs], positions: [...positions.values()], isClosing })))
        throw new Error('An emission was withdrawn.');
      source.release(slices);
      isOver = meter.add(outputs.count);
    } else {
      // A topic that is worked off ends the window.
      await bell.wait(250);
      if (source.stats.queuedRows === 0 && source.unread().size > 0 && [...source.unread().values()].every((n) => n === 0)) {
        meter.end();
        isOver = true;
      }
    }
  }
  await sink.flush();
  await sink.close();
  await source.close();
  return await meter.done;
}

/** Decodes the rows of a slice into floats, scores them and appends Avro of `SCORE_SCHEMA` to the outputs. */
function createPredictor(): (slice: RecordSlice, into: FramedOutputRecords) => Promise<void> {
  const layout = featureLayout();
  const rows = new Rows(layout, MAX_ROWS);
  const codec = createAvroCodec({
    format: 'confluent',
    registry,
    layout,
    tombstones: 'dead-letter',
    clock: systemClock,
    logger: silentLogger,
  });
  const model = viewOf(encodeString(MODEL.name));
  const prefix = viewOf(outputPrefix());
  return async (slice, into) => {
    rows.reset([slice]);
    const decoding = codec.decode(rows);
    if (decoding) await decoding;
    if (rows.failed > 0) throw new Error(`${rows.failed} rows could not be read.`);
    const { records, from, to } = slice;
    const input = viewOf(records.buffer);
    const matrix = rows.floats[0]!;
    into.openRun(records.partition, Date.now());
    for (let i = from; i < to; i++) {
      const keyLength = records.keyLength[i]!;
      let at = into.begin(keyLength, keyLength + prefix.byteLength + 32 + model.byteLength);
      const { buffer, view } = into;
      at = into.beginValue(copyBytes(view, at, input, records.keyStart[i]!, keyLength));
      at = copyBytes(view, at, prefix, 0, prefix.byteLength);
      at = writeLong(buffer, at, records.offsets[i]!);
      view.setFloat64(at, scoreOf(matrix, (i - from) * FEATURES), true);
      at = copyBytes(view, at + 8, model, 0, model.byteLength);
      into.end(into.endValue(at));
    }
  };
}
