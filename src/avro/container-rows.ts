import avsc from 'avsc';
import { WeirError } from '../core/errors.ts';
import { readAvroContainer } from './container-file.ts';

/**
 * The records of a container file as objects, a block at a time; values of unions as they are, whichever branch they came
 * from. For commands that handle a file's rows once, not for the path of records.
 * @throws WeirError `input_file_invalid`
 */
export function* readContainerRows(path: string): Generator<Record<string, unknown>> {
  const container = readAvroContainer(path);
  let type: avsc.Type;
  try {
    type = avsc.Type.forSchema(container.schema as avsc.Schema, { wrapUnions: 'never' } as object);
  } catch (cause) {
    throw new WeirError('input_file_invalid', `${path}: its schema cannot be read: ${(cause as Error).message}`, { cause });
  }
  let row = 0;
  for (const { count, data } of container.blocks()) {
    for (let i = 0, at = 0; i < count; i++) {
      const { value, offset } = type.decode(data, at);
      row++;
      if (offset < 0) throw new WeirError('input_file_invalid', `${path}: row ${row} is cut off.`);
      at = offset;
      yield value as Record<string, unknown>;
    }
  }
}
