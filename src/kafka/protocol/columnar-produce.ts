/**
 * A guarded extension of kafkajs 2.2.4: Produce requests of drafts (`partition-draft.ts`) are written in one buffer.
 *
 * Stock makes several objects and buffers per record and copies every byte many times over. Metadata, sequence numbers,
 * transactions, retries, time-outs and the response stay kafkajs'; requests of ordinary messages stay stock altogether.
 */
import { WeirError } from '../../core/errors.ts';
import { COMPRESSION_MASK, COMPRESSIONS, compress } from '../compression.ts';
import { BufferPool } from './buffer-pool.ts';
import { kafkajsInternal } from './guard.ts';
import { PartitionDraft } from './partition-draft.ts';
import { BATCH_HEADER_BYTES, type BatchContext, sealBatch, writeRecords } from './record-batch-writer.ts';
import { type EncoderInternals, encoderWithHeadroom, HEADROOM_BYTES, installHeadroom } from './request-headroom.ts';

/** What kafkajs' `Broker.produce` hands to the encoder. */
interface ProduceArguments {
  readonly acks: number;
  readonly timeout: number;
  readonly compression?: number;
  readonly transactionalId?: string | null;
  /** −1, or the decimal text of the response to InitProducerId. */
  readonly producerId?: number | string;
  readonly producerEpoch?: number;
  readonly topicData: readonly TopicData[];
}

interface TopicData {
  readonly topic: string;
  readonly partitions: readonly PartitionData[];
}

interface PartitionData {
  /** kafkajs keeps it as a property name, so it may be text. */
  readonly partition: number | string;
  readonly firstSequence?: number;
  readonly messages: unknown;
}

interface ProduceRequest {
  readonly request: { readonly apiVersion: number; encode(): Promise<EncoderInternals> };
  readonly response: { decode(rawData: Buffer): Promise<unknown>; parse(data: unknown): Promise<unknown> };
}

interface RequestDefinition {
  readonly versions: readonly string[];
  protocol(options: { version: number }): (given: ProduceArguments) => ProduceRequest;
}

/** A partition of a request that is ready to be written. */
interface Part {
  readonly partition: number;
  readonly draft: PartitionDraft;
  readonly firstSequence: number;
  /** The records section, when it is compressed. */
  readonly compressed: Buffer | undefined;
}

/** Version 3 was the first with record batches; 3 to 7 have the same layout. */
const FIRST_VERSION = 3;

/** Memory of requests. */
const pool = new BufferPool();
let isInstalled = false;

/**
 * Patches kafkajs once per process. Requests without drafts are encoded as before.
 * @throws WeirError `state_invalid` when another version of kafkajs is installed
 */
export function installColumnarProduce(): void {
  if (isInstalled) return;
  const { requests } = kafkajsInternal<{ requests: { Produce: RequestDefinition } }>('src/protocol/requests/index.js');
  const stock = requests.Produce;
  if (!Array.isArray(stock?.versions) || typeof stock.protocol !== 'function') {
    throw new WeirError('state_invalid', 'kafkajs does not have the internals that weir extends; reinstall the exact version with npm ci.');
  }
  installHeadroom();
  requests.Produce = {
    versions: stock.versions,
    protocol: ({ version }) => {
      const stockRequest = stock.protocol({ version });
      return (given) => {
        const made = stockRequest(given);
        return hasDrafts(given) ? draftRequest(made, given, version) : made;
      };
    },
  };
  isInstalled = true;
}

function hasDrafts({ topicData }: ProduceArguments): boolean {
  return topicData.some(({ partitions }) => partitions.some(({ messages }) => messages instanceof PartitionDraft));
}

/**
 * The request with our encoder. An answer shows that the broker has all of the request, so its memory may hold the next one;
 * when none comes, the socket may still be writing, and the memory is left to the garbage collector.
 */
function draftRequest(made: ProduceRequest, given: ProduceArguments, version: number): ProduceRequest {
  let bytes: Buffer<ArrayBuffer> | undefined;
  const encode = async (): Promise<EncoderInternals> => {
    const { into, end } = await encodeProduce(given, version);
    bytes = into;
    return encoderWithHeadroom(into, HEADROOM_BYTES, end);
  };
  const decode = (rawData: Buffer): Promise<unknown> => {
    if (bytes) pool.giveBack(bytes);
    bytes = undefined;
    return made.response.decode(rawData);
  };
  return { request: { ...made.request, encode }, response: { ...made.response, decode } };
}

/**
 * Produce request, versions 3 to 7, without the request header:
 *
 *     transactionalId:nullableString acks:int16 timeout:int32 [topic:string [partition:int32 size:int32 batch]]
 */
async function encodeProduce(given: ProduceArguments, version: number): Promise<{ into: Buffer<ArrayBuffer>; end: number }> {
  if (version < FIRST_VERSION) {
    throw new WeirError(
      'state_invalid',
      `The broker takes Produce requests up to version ${version} only; weir needs Kafka 0.11 or newer.`,
    );
  }
  const { transactionalId = null, producerId = -1, producerEpoch = 0, compression = 0, topicData } = given;
  const codec = compression & COMPRESSION_MASK;
  const topics = await Promise.all(
    topicData.map(async ({ topic, partitions }) => ({ topic, parts: await Promise.all(partitions.map((data) => partOf(data, codec))) })),
  );
  const shared = { codec, isTransactional: transactionalId !== null, producerId: BigInt(producerId), producerEpoch };

  let size = HEADROOM_BYTES + 2 + Buffer.byteLength(transactionalId ?? '') + 2 + 4 + 4;
  for (const { topic, parts } of topics) {
    size += 2 + Buffer.byteLength(topic) + 4;
    for (const { draft, compressed } of parts) size += 8 + BATCH_HEADER_BYTES + (compressed?.length ?? draft.maxBytes);
  }
  const into = pool.take(size);
  let at = writeString(into, HEADROOM_BYTES, transactionalId);
  at = into.writeInt16BE(given.acks, at);
  at = into.writeInt32BE(given.timeout, at);
  at = into.writeInt32BE(topics.length, at);
  for (const { topic, parts } of topics) {
    at = writeString(into, at, topic);
    at = into.writeInt32BE(parts.length, at);
    for (const part of parts) at = writePart(part, { ...shared, firstSequence: part.firstSequence }, into, at);
  }
  return { into, end: at };
}

async function partOf({ partition, firstSequence = 0, messages }: PartitionData, codec: number): Promise<Part> {
  const draft = messages as PartitionDraft;
  return { partition: Number(partition), draft, firstSequence, compressed: codec === 0 ? undefined : await compressed(draft, codec) };
}

async function compressed(draft: PartitionDraft, codec: number): Promise<Buffer> {
  const records = Buffer.allocUnsafeSlow(draft.maxBytes);
  const end = writeRecords(draft, records, 0);
  const name = COMPRESSIONS[codec];
  if (name === undefined) throw new WeirError('compression_unsupported', `There is no codec ${codec} for record batches.`);
  return await compress(name, records.subarray(0, end));
}

function writePart({ partition, draft, compressed }: Part, context: BatchContext, into: Buffer, start: number): number {
  const batchAt = start + 8;
  const recordsAt = batchAt + BATCH_HEADER_BYTES;
  const end = compressed ? recordsAt + compressed.copy(into, recordsAt) : writeRecords(draft, into, recordsAt);
  sealBatch(draft, context, into, batchAt, end);
  into.writeInt32BE(partition, start);
  into.writeInt32BE(end - batchAt, start + 4);
  return end;
}

function writeString(into: Buffer, start: number, text: string | null): number {
  if (text === null) return into.writeInt16BE(-1, start);
  const length = into.write(text, start + 2);
  into.writeInt16BE(length, start);
  return start + 2 + length;
}
