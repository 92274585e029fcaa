import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { WeirError } from '../core/errors.ts';

/** A block of an Avro container: `count` values of the file's schema, one after another in `data`. */
export interface ContainerBlock {
  readonly count: number;
  readonly data: Buffer;
}

/** An Avro object container file (specification, "Object Container Files"). */
export interface AvroContainer {
  /** The writer schema, parsed JSON. */
  readonly schema: unknown;
  /** File metadata, reserved `avro.*` keys included. */
  readonly metadata: ReadonlyMap<string, Buffer>;
  /**
   * The blocks in file order, read and inflated one at a time; each call reads the file anew.
   * @throws WeirError `input_file_invalid` at a block that is not intact
   */
  blocks(): IterableIterator<ContainerBlock>;
}

const MAGIC = Buffer.from('Obj\x01', 'latin1');
const SYNC_BYTES = 16;
/** Bounds on what a file can make us allocate. Writers make blocks of 16 kB to a few MB. */
const MAX_BLOCK_BYTES = 256 * 1024 * 1024;
const MAX_METADATA_ENTRIES = 10_000;

/**
 * Opens an Avro object container file with codec null or deflate and reads its header. Whole files are never held in
 * memory.
 * @throws WeirError `input_file_invalid` when the file cannot be read, is not an Avro container or has another codec
 */
export function readAvroContainer(path: string): AvroContainer {
  return withFile(path, (file) => {
    const { metadata, sync, end } = readHeader(file);
    const codec = metadata.get('avro.codec')?.toString('utf8') ?? 'null';
    if (codec !== 'null' && codec !== 'deflate')
      throw file.invalid(`its codec is ${JSON.stringify(codec.slice(0, 40))}; null and deflate are read`);
    const text = metadata.get('avro.schema')?.toString('utf8');
    if (text === undefined) throw file.invalid('it has no avro.schema');
    let schema: unknown;
    try {
      schema = JSON.parse(text);
    } catch {
      throw file.invalid('its avro.schema is not JSON');
    }
    return { schema, metadata, blocks: () => readBlocks(path, end, sync, codec) };
  });
}

function readHeader(file: FileReader): { metadata: Map<string, Buffer>; sync: Buffer; end: number } {
  if (!file.take(MAGIC.length).equals(MAGIC)) throw file.invalid('it does not begin with "Obj" and 1');
  const metadata = new Map<string, Buffer>();
  for (;;) {
    let count = file.long();
    if (count === 0) break;
    if (count < 0) {
      count = -count;
      file.long(); // size of the metadata block in bytes: for those who skip it
    }
    if (metadata.size + count > MAX_METADATA_ENTRIES) throw file.invalid(`it has more than ${MAX_METADATA_ENTRIES} metadata entries`);
    for (let i = 0; i < count; i++) {
      const key = file.take(file.size()).toString('utf8');
      metadata.set(key, file.take(file.size()));
    }
  }
  const sync = file.take(SYNC_BYTES);
  return { metadata, sync, end: file.position };
}

function* readBlocks(path: string, from: number, sync: Buffer, codec: string): Generator<ContainerBlock> {
  const file = new FileReader(path);
  try {
    file.position = from;
    while (!file.isAtEnd()) {
      const at = file.position;
      const count = file.long();
      if (count < 0) throw file.invalid(`the block at byte ${at} has the count ${count}`);
      const stored = file.take(file.size());
      if (!file.take(SYNC_BYTES).equals(sync)) throw file.invalid(`the block at byte ${at} does not end with the file's sync marker`);
      yield { count, data: codec === 'null' ? stored : inflate(file, stored, at) };
    }
  } finally {
    file.close();
  }
}

function inflate(file: FileReader, stored: Buffer, at: number): Buffer {
  try {
    return inflateRawSync(stored, { maxOutputLength: MAX_BLOCK_BYTES });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw file.invalid(`the block at byte ${at} cannot be inflated (${reason})`);
  }
}

function withFile<T>(path: string, use: (file: FileReader) => T): T {
  const file = new FileReader(path);
  try {
    return use(file);
  } finally {
    file.close();
  }
}

/** Reads a file forwards through a window, never past its end. */
class FileReader {
  position = 0;
  private readonly path: string;
  private readonly descriptor: number;
  private readonly length: number;
  private window = Buffer.alloc(0);
  private windowStart = 0;

  constructor(path: string) {
    this.path = path;
    try {
      this.descriptor = openSync(path, 'r');
      this.length = fstatSync(this.descriptor).size;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new WeirError('input_file_invalid', `${path} cannot be read: ${reason}`, { cause: error });
    }
  }

  isAtEnd(): boolean {
    return this.position >= this.length;
  }

  /** A buffer of its own with the next `size` bytes. */
  take(size: number): Buffer {
    if (size > this.length - this.position) throw this.invalid(`it is truncated at byte ${this.position}`);
    const taken = Buffer.allocUnsafeSlow(size);
    const at = this.position - this.windowStart;
    let filled = at >= 0 && at < this.window.length ? this.window.copy(taken, 0, at) : 0;
    while (filled < size) {
      const read = readSync(this.descriptor, taken, filled, size - filled, this.position + filled);
      if (read === 0) throw this.invalid('it shrank while it was read');
      filled += read;
    }
    this.position += size;
    return taken;
  }

  /** A length in bytes, within what the file still holds. */
  size(): number {
    const size = this.long();
    if (size < 0 || size > this.length - this.position || size > MAX_BLOCK_BYTES) {
      throw this.invalid(`a length before byte ${this.position} is ${size}, which it cannot hold`);
    }
    return size;
  }

  /** An Avro long; lengths and counts beyond 2^53 are refused. */
  long(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte >= 0x80) continue;
      if (value > Number.MAX_SAFE_INTEGER) break;
      return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
    throw this.invalid(`the number before byte ${this.position} is too large`);
  }

  invalid(problem: string): WeirError {
    return new WeirError('input_file_invalid', `${this.path} is not a readable Avro container file: ${problem}.`);
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private byte(): number {
    if (this.isAtEnd()) throw this.invalid('it is truncated at its end');
    let at = this.position - this.windowStart;
    if (at < 0 || at >= this.window.length) {
      const window = Buffer.allocUnsafeSlow(Math.min(4096, this.length - this.position));
      const read = readSync(this.descriptor, window, 0, window.length, this.position);
      if (read === 0) throw this.invalid('it shrank while it was read');
      this.window = window.subarray(0, read);
      this.windowStart = this.position;
      at = 0;
    }
    this.position++;
    return this.window[at]!;
  }
}
