import type { Admin, Kafka } from 'kafkajs';
import { WeirError } from '../core/errors.ts';
import { weirErrorFromKafka } from './errors.ts';

/** First offset of a partition and the one after its last record. */
export interface LogEnds {
  readonly low: number;
  readonly high: number;
}

/** Asks the brokers where a topic begins and ends and what a group has committed there, over one connection of its own. */
export class GroupPositions {
  private readonly kafka: Kafka;
  private readonly groupId: string;
  private readonly topic: string;
  private client: { admin: Admin; connected: Promise<void> } | undefined;
  private closed = false;

  constructor({ kafka, groupId, topic }: { kafka: Kafka; groupId: string; topic: string }) {
    this.kafka = kafka;
    this.groupId = groupId;
    this.topic = topic;
  }

  /**
   * Committed positions by partition; one without a commit is not in it.
   * @throws WeirError
   */
  committed(): Promise<Map<number, number>> {
    return this.ask(async (admin) => {
      const [offsets] = await admin.fetchOffsets({ groupId: this.groupId, topics: [this.topic] });
      const positions = (offsets?.partitions ?? []).map((p) => [p.partition, Number(p.offset)] as const);
      return new Map(positions.filter(([, offset]) => offset >= 0));
    });
  }

  /**
   * The ends of every partition.
   * @throws WeirError
   */
  logEnds(): Promise<Map<number, LogEnds>> {
    return this.ask(async (admin) => {
      const ends = await admin.fetchTopicOffsets(this.topic);
      return new Map(ends.map(({ partition, low, high }) => [partition, { low: Number(low), high: Number(high) }]));
    });
  }

  /**
   * False when the cluster does not have the topic.
   * @throws WeirError
   */
  topicExists(): Promise<boolean> {
    return this.ask(async (admin) => (await admin.listTopics()).includes(this.topic));
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.client?.admin.disconnect();
  }

  private connect(): { admin: Admin; connected: Promise<void> } {
    const admin = this.kafka.admin();
    return { admin, connected: admin.connect() };
  }

  private async ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    const client = (this.client ??= this.connect());
    try {
      await client.connected;
      if (this.closed) throw new WeirError('kafka_unavailable', 'Kafka: closed while it was asked.');
      return await question(client.admin);
    } catch (thrown) {
      if (this.client === client) this.client = undefined;
      client.admin.disconnect().catch(() => {}); // What broke it is thrown below; a new one is made next time.
      throw weirErrorFromKafka(thrown, `asking for the positions of group ${this.groupId} in ${this.topic}`);
    }
  }
}
