import { type Clock, sleep } from '../core/clock.ts';
import { WeirError } from '../core/errors.ts';

/** A topic that the cluster does not have for so long was deleted. */
const GONE_MS = 10_000;
const RETRY_MS = 500;

/** Tells a topic that was deleted from one that brokers do not know for a moment: after it was made, or while they start. */
export class TopicWatch {
  private readonly topic: string;
  private readonly exists: () => Promise<boolean>;
  private readonly clock: Clock;
  private missingSinceMs: number | undefined;

  /** @param exists asks the cluster; an answer that does not come counts as true */
  constructor(topic: string, exists: () => Promise<boolean>, clock: Clock) {
    this.topic = topic;
    this.exists = exists;
    this.clock = clock;
  }

  /**
   * To be called when a broker says that it does not know the topic; resolves when it is worth while to ask again.
   * @throws WeirError `topic_missing`
   */
  async lookAgain(): Promise<void> {
    const nowMs = this.clock.monotonicMs();
    if (await this.exists().catch(() => true)) this.missingSinceMs = undefined;
    else if (nowMs - (this.missingSinceMs ??= nowMs) >= GONE_MS) {
      throw new WeirError('topic_missing', `Topic ${this.topic} does not exist any more: it was deleted while it was read.`);
    }
    await sleep(this.clock, RETRY_MS);
  }
}
