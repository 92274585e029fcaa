import { readAvroContainer } from '../avro/container-file.ts';
import { compileSkipper, parseAvroSchema } from '../avro/plan/index.ts';
import { WeirError } from '../core/errors.ts';
import type { Source, SourceListener } from '../core/ports.ts';
import { type AssignmentOrigin, ORIGIN_WITHOUT_GROUP, type Position, type RecordBatch, type TopicPartition } from '../core/records.ts';

/**
 * The records of an Avro container file as a source: what `weir profile build --file` runs the pipeline over. Bodies are
 * plain Avro in the container's schema; offsets count records from 0.
 */
export class ContainerSource implements Source {
  readonly failure = undefined;
  ended = false;
  private readonly path: string;
  private readonly limit: number;
  private batches: Iterator<RecordBatch> | undefined;

  /** @param limit records at most */
  constructor(path: string, limit = Number.POSITIVE_INFINITY) {
    this.path = path;
    this.limit = limit;
  }

  async start(listener: SourceListener): Promise<void> {
    this.batches = this.read();
    listener.onReady();
  }

  take(): RecordBatch | undefined {
    const next = this.batches?.next();
    if (!next || next.done) {
      this.ended = true;
      return undefined;
    }
    return next.value;
  }

  release(): void {}

  takeIdlePositions(): Position[] {
    return [];
  }

  owns(): boolean {
    return true;
  }

  originOf(): AssignmentOrigin {
    return ORIGIN_WITHOUT_GROUP;
  }

  assignment(): readonly TopicPartition[] {
    return [{ topic: this.path, partition: 0 }];
  }

  async stopFetching(): Promise<void> {}
  async close(): Promise<void> {}

  private *read(): Generator<RecordBatch> {
    const container = readAvroContainer(this.path);
    const skip = compileSkipper(parseAvroSchema(container.schema));
    let offset = 0;
    for (const block of container.blocks()) {
      const count = Math.min(block.count, this.limit - offset);
      if (count <= 0) return;
      const valueStart = new Int32Array(count);
      const valueLength = new Int32Array(count);
      let at = 0;
      for (let i = 0; i < count; i++) {
        const end = skip(block.data, at, block.data.length);
        if (end < 0) throw new WeirError('input_file_invalid', `${this.path}: record ${offset + i} is not a value of the file's schema.`);
        valueStart[i] = at;
        valueLength[i] = end - at;
        at = end;
      }
      yield {
        topic: this.path,
        partition: 0,
        epoch: 1,
        count,
        buffer: block.data,
        offsets: Float64Array.from({ length: count }, (_, i) => offset + i),
        timestamps: new Float64Array(count),
        keyStart: new Int32Array(count),
        keyLength: new Int32Array(count).fill(-1),
        valueStart,
        valueLength,
        headerStart: new Int32Array(count),
        headerLength: new Int32Array(count),
        nextOffset: offset + count,
        endOffset: offset + count,
        arrivedAtMs: 0,
        bytes: at,
      };
      offset += count;
    }
  }
}
