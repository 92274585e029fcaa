import type { Consumer } from 'kafkajs';
import { type Clock, settledWithin } from '../core/clock.ts';
import type { Logger } from '../core/ports.ts';

/** How long a member waits for the answer when it leaves. */
const LEAVE_TIMEOUT_MS = 3_000;

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

/**
 * Leaves the group and disconnects, or gives up waiting: a coordinator that has just lost the group may hold LeaveGroup for longer
 * than a drain may take, and a group that has moved does not need it.
 * @throws what kafkajs throws in that time
 */
export async function leaveInTime(
  consumer: Pick<Consumer, 'disconnect'>,
  { clock, logger, topic }: { readonly clock: Clock; readonly logger: Logger; readonly topic: string },
): Promise<void> {
  if (await settledWithin(clock, LEAVE_TIMEOUT_MS, consumer.disconnect())) return;
  logger.warn({ topic, afterMs: LEAVE_TIMEOUT_MS }, 'the group has not answered that this member leaves');
}
