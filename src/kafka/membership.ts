import type { Consumer } from 'kafkajs';
import type { Clock } from '../core/clock.ts';

/** What a consumer of kafkajs has heard from its group. */
export class Membership {
  private readonly clock: Clock;
  private heardAtMs: number;

  constructor(consumer: Consumer, clock: Clock) {
    this.clock = clock;
    this.heardAtMs = clock.monotonicMs();
    const heard = (): void => {
      this.heardAtMs = clock.monotonicMs();
    };
    // Not consumer.fetch: it also fires when a fetch failed, or asked no broker because everything is paused.
    consumer.on('consumer.heartbeat', heard);
    consumer.on('consumer.group_join', heard);
    consumer.on('consumer.commit_offsets', heard);
  }

  /** Time since the coordinator last answered, or since the consumer was made. */
  get msSinceContact(): number {
    return this.clock.monotonicMs() - this.heardAtMs;
  }
}
