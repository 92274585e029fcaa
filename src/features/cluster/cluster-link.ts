import type { Cluster, Redis } from 'ioredis';
import { viewOf } from '../../core/bytes.ts';
import type { EntityKeys } from '../../core/ports.ts';
import type { LayoutReader } from '../layouts/layout.ts';
import { createClusterClient, createNodeClient } from '../redis-client.ts';
import type { BatchReplies, LinkHost, RedisCommands, RedisLink } from '../redis-link.ts';
import { nodeFromText, type RedisPlace } from '../redis-place.ts';
import { bulkString, type RequestBytes } from '../wire/request-bytes.ts';
import { ClusterBatch } from './cluster-batch.ts';
import { SLOTS, slotsOf } from './key-slots.ts';
import { keyOfNode, NodeReads } from './node-reads.ts';
import { isClusterDown, redirectionOf } from './redirections.ts';

type ClusterPlace = Extract<RedisPlace, { kind: 'cluster' }>;

/** How often a key is followed from node to node; it takes more than one only while slots move. */
const MAX_REDIRECTIONS = 5;

/** What is kept for the next batches; as many as are under way at a time, usually. */
const MAX_IDLE = 16;

/** A node that keys were sent on to is kept for so long, also when it has no slots. */
const SOUGHT_MS = 30_000;

const NO_NODE = -1;
const ASKING = viewOf(Buffer.concat([Buffer.from('*1\r\n'), bulkString('ASKING')]));

/**
 * A link to a Redis Cluster: ioredis' client for commands, which also learns which node has which slots, and one connection for reads
 * to each master. A batch goes to all masters that have some of its keys, at the same time, a command a key.
 */
export class ClusterLink implements RedisLink {
  readonly commands: Cluster;
  private readonly place: ClusterPlace;
  private readonly silenceMs: number;
  private readonly host: LinkHost;
  /** By `host:port`. */
  private readonly nodes = new Map<string, NodeReads>();
  /** Nodes that have slots. */
  private masters: NodeReads[] = [];
  /** For each slot the index of its master; `NO_NODE`: none has it. */
  private readonly masterOf = new Int16Array(SLOTS).fill(NO_NODE);
  private readonly idle: ClusterBatch[] = [];
  private isClosed = false;
  /** How often no node has let us in. */
  private failures = 0;
  /** The client that is finding out why. */
  private asked: Redis | undefined;

  constructor(place: ClusterPlace, silenceMs: number, host: LinkHost) {
    this.place = place;
    this.silenceMs = silenceMs;
    this.host = host;
    this.commands = createClusterClient(place, { silenceMs });
    host.watch(this.commands, 'commands');
    this.commands.on('refresh', () => this.learn());
    this.commands.on('error', (error: { lastNodeError?: Error }) => {
      if (error.lastNodeError) this.findOutWhy();
    });
  }

  async open(connect: (client: RedisCommands) => Promise<void>): Promise<void> {
    await connect(this.commands);
    for (;;) {
      const waited = this.masters.find(({ client }) => client.status !== 'ready');
      if (!waited) return;
      try {
        await connect(waited.client);
      } catch (thrown) {
        // One that has been replaced meanwhile is waited for no longer.
        if (this.isClosed || this.masters.includes(waited)) throw thrown;
      }
    }
  }

  async read(layout: LayoutReader, keys: EntityKeys): Promise<BatchReplies> {
    const { count } = keys;
    const batch = this.idle.pop() ?? new ClusterBatch();
    batch.clear(count);
    slotsOf(layout.prefix, keys, batch.slots);
    const arena = viewOf(keys.column.arena);
    let next = 0;
    const write = (request: RequestBytes): void => layout.writeOne(keys, arena, next, request);
    for (; next < count; next++) {
      const master = this.masterOf[batch.slots[next]!]!;
      if (master === NO_NODE) {
        this.refresh();
        throw new Error('CLUSTERDOWN Hash slot not served');
      }
      batch.ask(next, this.masters[master]!, write);
    }
    await send(batch, 0);
    await this.follow(batch, count);
    batch.gather(count);
    batch.giveParts();
    return { replies: batch.gathered, give: () => void (this.idle.length < MAX_IDLE && this.idle.push(batch)) };
  }

  close(): void {
    this.isClosed = true;
    this.host.forget(this.commands);
    this.commands.disconnect();
    this.asked?.disconnect();
    for (const node of this.nodes.values()) node.close();
    this.nodes.clear();
  }

  /** Asks again, elsewhere, for keys that are not where they were. */
  private async follow(batch: ClusterBatch, count: number): Promise<void> {
    for (let redirections = 0; ; redirections++) {
      const from = batch.nextRound();
      let isOutdated = false;
      for (let entity = 0; entity < count; entity++) {
        const { node: asked, exchange } = batch.parts[batch.partOf[entity]!]!;
        const redirection = redirectionOf(exchange.replies, batch.replyOf[entity]!);
        isOutdated ||= redirection ? !redirection.isAsking : isClusterDown(exchange.replies, batch.replyOf[entity]!);
        if (!redirection) continue;
        const { host, port } = redirection.node;
        const node = this.nodeAt(keyOfNode({ host: host || asked.node.host, port }));
        node.soughtAtMs = performance.now();
        batch.askAgain(entity, node, redirection.isAsking ? ASKING : undefined);
      }
      if (isOutdated) this.refresh();
      if (batch.parts.length === from) return;
      if (redirections === MAX_REDIRECTIONS) throw new Error('TRYAGAIN Slots of the cluster are moving');
      for (const { node } of batch.parts.slice(from)) await node.ready();
      await send(batch, from);
    }
  }

  /** Takes over what ioredis has learned: which node has which slots. */
  private learn(): void {
    if (this.isClosed) return;
    const indexes = new Map<string, number>();
    const masters: NodeReads[] = [];
    for (let slot = 0; slot < SLOTS; slot++) {
      const key = this.commands.slots[slot]?.[0];
      if (key === undefined) {
        this.masterOf[slot] = NO_NODE;
        continue;
      }
      let index = indexes.get(key);
      if (index === undefined) {
        index = masters.push(this.nodeAt(key)) - 1;
        indexes.set(key, index);
      }
      this.masterOf[slot] = index;
    }
    this.masters = masters;
    for (const [key, node] of this.nodes) {
      // One that is being given its first slots is not among the masters yet.
      if (indexes.has(key) || performance.now() - node.soughtAtMs < SOUGHT_MS) continue;
      node.close();
      this.nodes.delete(key);
    }
  }

  private nodeAt(key: string): NodeReads {
    const found = this.nodes.get(key);
    if (found) return found;
    if (this.isClosed) throw new Error('Connection is closed.');
    const made = new NodeReads(nodeFromText(key), this.place.access, this.silenceMs, this.host, () => this.refresh());
    this.nodes.set(key, made);
    return made;
  }

  /** When no node lets it in, ioredis says of most reasons only that the connection was closed. A client of one node says more. */
  private findOutWhy(): void {
    if (this.asked || this.isClosed) return;
    const { nodes, access } = this.place;
    const client = createNodeClient(nodes[this.failures++ % nodes.length]!, access, { silenceMs: this.silenceMs });
    this.asked = client;
    client.on('error', (error) => {
      if (!this.isClosed) this.commands.emit('error', error);
    });
    // Its `error` event has said why it did not connect.
    const connected = client.connect().catch(() => {});
    void connected.then(() => {
      this.asked = undefined;
      client.disconnect();
    });
  }

  /** Asks the nodes for their slots: a master that is gone has perhaps been replaced. When none of them answers, the first nodes are asked. */
  private refresh(): void {
    const { commands } = this;
    if (commands.status !== 'ready') return;
    commands.refreshSlotsCache((error) => {
      if (error && !this.isClosed && commands.status === 'ready') commands.disconnect(true);
    });
  }
}

/** Sends the parts from `from` on, and waits for all replies. */
async function send(batch: ClusterBatch, from: number): Promise<void> {
  const parts = batch.parts.slice(from);
  await Promise.all(parts.map(({ node, exchange, replies }) => node.lane.send(exchange, replies)));
}
