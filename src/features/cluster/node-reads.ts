import type { Redis } from 'ioredis';
import type { LinkHost } from '../redis-link.ts';
import { createNodeClient } from '../redis-client.ts';
import type { RedisAccess, RedisNode } from '../redis-place.ts';
import { PooledReadsConnector } from '../wire/pooled-reads.ts';
import { ReplyLane } from '../wire/reply-lane.ts';

/** The connection for reads of one node of a cluster. */
export class NodeReads {
  readonly node: RedisNode;
  readonly client: Redis;
  readonly lane: ReplyLane;
  /** When a key was last looked for here that another node said to be here (`performance.now`). */
  soughtAtMs = Number.NEGATIVE_INFINITY;
  private readonly host: LinkHost;

  /** Connects at once. @param onLost called whenever the connection is lost, or could not be made */
  constructor(node: RedisNode, access: RedisAccess, silenceMs: number, host: LinkHost, onLost: () => void) {
    this.node = node;
    this.host = host;
    this.client = createNodeClient(node, access, { silenceMs, Connector: access.tls ? undefined : PooledReadsConnector });
    this.lane = new ReplyLane(this.client, silenceMs);
    host.watch(this.client, `reads of ${keyOfNode(node)}`);
    this.client.on('close', onLost);
    this.client.connect().catch(() => {}); // Its reason comes as an `error` event.
  }

  /** Resolves when it can be sent to. @throws Error when the connection is lost meanwhile */
  async ready(): Promise<void> {
    const { client } = this;
    if (client.status === 'ready') return;
    if (client.status === 'end') throw new Error('Connection is closed.');
    await new Promise<void>((resolve, reject) => {
      const done = (): void => {
        client.off('ready', onReady).off('close', onClose).off('end', onClose);
      };
      const onReady = (): void => {
        done();
        resolve();
      };
      const onClose = (): void => {
        done();
        reject(new Error('Connection is closed.'));
      };
      client.on('ready', onReady).on('close', onClose).on('end', onClose);
    });
  }

  close(): void {
    this.host.forget(this.client);
    this.client.disconnect();
    // Between two attempts to connect ioredis ends without a word; who waits for it would do so for ever.
    if (this.client.status !== 'end') this.client.emit('end');
  }
}

/** A node as ioredis writes it. */
export function keyOfNode({ host, port }: RedisNode): string {
  return `${host}:${port}`;
}
