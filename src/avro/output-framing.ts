import { WeirError } from '../core/errors.ts';
import { fingerprint64, parseAvroSchema } from './plan/index.ts';
import type { RegistryClient } from './registry-client.ts';

/** Wire format of a topic that weir writes. */
export type OutputFormat = 'confluent' | 'single-object' | 'plain';

/** What stands before every Avro body of a topic. */
export interface OutputFraming {
  readonly prefix: Buffer;
}

/**
 * Prepares the frame of a topic's records, once at start. `confluent` registers the schema under `<topic>-value`
 * (TopicNameStrategy) and frames with its id; `single-object` frames with its fingerprint; `plain` with nothing.
 * @throws WeirError `config_invalid` when `confluent` has no registry, or what `RegistryClient.register` throws
 */
export async function createOutputFraming(
  format: OutputFormat,
  schema: unknown,
  topic: string,
  registry?: RegistryClient,
): Promise<OutputFraming> {
  switch (format) {
    case 'plain':
      return { prefix: Buffer.alloc(0) };
    case 'single-object':
      return { prefix: Buffer.concat([Buffer.of(0xc3, 0x01), fingerprint64(parseAvroSchema(schema))]) };
    case 'confluent': {
      if (!registry)
        throw new WeirError('config_invalid', `The format confluent of topic ${topic} needs a schema registry (registry.url).`);
      const { id } = await registry.register(`${topic}-value`, schema);
      const prefix = Buffer.alloc(5);
      prefix.writeInt32BE(id, 1);
      return { prefix };
    }
  }
}
