import { writeFile } from 'node:fs/promises';
import { WeirError } from '../core/errors.ts';

/** Writes a file that an option names; one that is there is replaced. @throws WeirError `input_file_invalid` when it cannot be written */
export async function writeOutputFile(path: string, data: string | Uint8Array): Promise<void> {
  await writeFile(path, data).catch((cause: unknown) => {
    throw new WeirError('input_file_invalid', `${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  });
}
