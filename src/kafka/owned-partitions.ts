/** What a member of a consumer group says about the partitions that it had, as the user data of its subscription. */
export interface OwnedPartitions {
  /** The generation of the group in which it was given them; −1 when it has had none. */
  readonly generation: number;
  /** Partition numbers by topic. */
  readonly partitions: ReadonlyMap<string, readonly number[]>;
}

/** A member without a past. */
export const OWNS_NOTHING: OwnedPartitions = { generation: -1, partitions: new Map() };

/** The version of the format below. A reader that does not know the version of a member treats it as one without a past. */
const VERSION = 1;

/**
 * Writes, big-endian like the protocol around it:
 *
 *     version int16 = 1, generation int32, topics int32 × { bytes of the name int16, name UTF-8, partitions int32 × { partition int32 } }
 */
export function encodeOwnedPartitions({ generation, partitions }: OwnedPartitions): Buffer {
  const topics = [...partitions].map(([topic, numbers]) => ({ name: Buffer.from(topic), numbers }));
  const bytes = topics.reduce((sum, { name, numbers }) => sum + 2 + name.length + 4 + 4 * numbers.length, 10);
  const buffer = Buffer.alloc(bytes);
  let at = buffer.writeInt16BE(VERSION, 0);
  at = buffer.writeInt32BE(generation, at);
  at = buffer.writeInt32BE(topics.length, at);
  for (const { name, numbers } of topics) {
    at = buffer.writeInt16BE(name.length, at);
    at += name.copy(buffer, at);
    at = buffer.writeInt32BE(numbers.length, at);
    for (const partition of numbers) at = buffer.writeInt32BE(partition, at);
  }
  return buffer;
}

/**
 * Reads what another member wrote. Never throws: in what is unknown, cut short or contradicts itself, nothing is
 * owned; the group then only moves more partitions than it had to.
 */
export function decodeOwnedPartitions(bytes: Uint8Array | null | undefined): OwnedPartitions {
  if (!bytes || bytes.length < 10) return OWNS_NOTHING;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.readInt16BE(0) !== VERSION) return OWNS_NOTHING;
  try {
    return readTopics(buffer);
  } catch (error) {
    if (error instanceof RangeError) return OWNS_NOTHING; // Buffer's own: it ends before what it announces
    throw error;
  }
}

function readTopics(buffer: Buffer): OwnedPartitions {
  const partitions = new Map<string, number[]>();
  const generation = buffer.readInt32BE(2);
  const topics = buffer.readInt32BE(6);
  let at = 10;
  for (let topic = 0; topic < topics; topic++) {
    const nameLength = buffer.readInt16BE(at);
    const nameEnd = at + 2 + Math.max(0, nameLength);
    const count = buffer.readInt32BE(nameEnd);
    const end = nameEnd + 4 + 4 * count;
    if (nameLength < 0 || count < 0 || end > buffer.length) return OWNS_NOTHING;
    const numbers: number[] = [];
    for (let i = nameEnd + 4; i < end; i += 4) numbers.push(buffer.readInt32BE(i));
    partitions.set(buffer.toString('utf8', at + 2, nameEnd), numbers);
    at = end;
  }
  return at === buffer.length ? { generation, partitions } : OWNS_NOTHING;
}
