import { ReplyColumns } from '../wire/reply-columns.ts';
import type { Exchange } from '../wire/reply-lane.ts';
import type { RequestBytes } from '../wire/request-bytes.ts';
import type { NodeReads } from './node-reads.ts';

/** What one node is asked. */
export interface Part {
  readonly node: NodeReads;
  readonly exchange: Exchange;
  /** Replies that it will have. */
  replies: number;
}

/** Where the entities of one batch are asked for, and all that was answered. Used again from batch to batch. */
export class ClusterBatch {
  /** Slot of each entity's key. */
  slots = new Uint16Array(64);
  /** For each entity the part that has its reply. */
  partOf = new Int32Array(64);
  /** For each entity its reply in that part. */
  replyOf = new Int32Array(64);
  /** Where each entity's command begins in the request of that part. */
  commandAt = new Int32Array(64);
  /** Where it ends. */
  commandEnd = new Int32Array(64);
  readonly parts: Part[] = [];
  /** The replies to all entities, in their order. */
  readonly gathered = new ReplyColumns();
  /** Index of the part of each node that is being written to. */
  private readonly writing = new Map<NodeReads, number>();

  /** Forgets the last batch and makes room for so many entities. */
  clear(entities: number): void {
    this.parts.length = 0;
    this.writing.clear();
    if (entities <= this.slots.length) return;
    const size = 2 ** Math.ceil(Math.log2(entities));
    this.slots = new Uint16Array(size);
    this.partOf = new Int32Array(size);
    this.replyOf = new Int32Array(size);
    this.commandAt = new Int32Array(size);
    this.commandEnd = new Int32Array(size);
  }

  /** From here on there are new parts, for what has to be asked for once more. @returns the index of the first of them */
  nextRound(): number {
    this.writing.clear();
    return this.parts.length;
  }

  /** The part of this round that goes to a node. */
  private partFor(node: NodeReads): number {
    const found = this.writing.get(node);
    if (found !== undefined) return found;
    this.writing.set(node, this.parts.length);
    return this.parts.push({ node, exchange: node.lane.exchange(), replies: 0 }) - 1;
  }

  /** Has an entity asked for by a node: `write` appends its command. */
  ask(entity: number, node: NodeReads, write: (request: RequestBytes) => void): void {
    const index = this.partFor(node);
    const part = this.parts[index]!;
    const { request } = part.exchange;
    this.commandAt[entity] = request.length;
    write(request);
    this.commandEnd[entity] = request.length;
    this.partOf[entity] = index;
    this.replyOf[entity] = part.replies++;
  }

  /**
   * Has an entity asked for by another node than the one that was asked.
   * @param before a command of its own that goes before, if any
   */
  askAgain(entity: number, node: NodeReads, before: DataView | undefined): void {
    const asked = this.parts[this.partOf[entity]!]!.exchange.request;
    const part = this.parts[this.partFor(node)]!;
    if (before) {
      part.exchange.request.put(before);
      part.replies++;
    }
    const [from, to] = [this.commandAt[entity]!, this.commandEnd[entity]!];
    // From the earlier request: past its deadline the keys may be those of the next batch.
    this.ask(entity, node, (request) => request.copy(asked, from, to));
  }

  /** Puts the replies of all parts in the order of the entities. */
  gather(entities: number): void {
    const replies = this.parts.map(({ exchange }) => exchange.replies);
    this.gathered.gather(replies, this.partOf, this.replyOf, entities);
  }

  /** Gives the memory of the parts back; the gathered replies stay. */
  giveParts(): void {
    for (const { node, exchange } of this.parts) node.lane.give(exchange);
    this.parts.length = 0;
  }
}
