import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { readContainerRows } from '../avro/container-rows.ts';
import { WeirError } from '../core/errors.ts';

/** A row of a file with its place in words (`planes.ndjson:12`), for messages. */
export interface FileRow {
  readonly place: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * The rows of an Avro container file (`.avro`), or of a file with one JSON object a line (`.ndjson`, `.jsonl`). Each call
 * reads the file anew, a block or a line at a time.
 * @throws WeirError `input_file_invalid` when the file cannot be read
 */
export function readRows(path: string): AsyncIterable<FileRow> {
  switch (extname(path).toLowerCase()) {
    case '.avro':
      return avroRows(path);
    case '.ndjson':
    case '.jsonl':
      return jsonRows(path);
    default:
      throw new WeirError('input_file_invalid', `${path}: rows are read from .avro, .ndjson and .jsonl files.`);
  }
}

async function* avroRows(path: string): AsyncGenerator<FileRow> {
  let row = 0;
  for (const fields of readContainerRows(path)) yield { place: `${path}: row ${++row}`, fields };
}

async function* jsonRows(path: string): AsyncGenerator<FileRow> {
  let line = 0;
  try {
    for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      line++;
      if (text.trim() === '') continue;
      const fields: unknown = JSON.parse(text);
      if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) throw new SyntaxError('it is not a JSON object');
      yield { place: `${path}:${line}`, fields: fields as Record<string, unknown> };
    }
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new WeirError('input_file_invalid', `${path}:${line}: ${cause.message}`, { cause });
    if ((cause as NodeJS.ErrnoException).syscall === undefined) throw cause;
    throw new WeirError('input_file_invalid', `${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
