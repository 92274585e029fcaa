import type { Kafka } from 'kafkajs';
import { WeirError } from '../core/errors.ts';
import type { Logger } from '../core/ports.ts';
import { withAdmin } from './admin.ts';

/** What to know when a position is no longer in the log. */
export interface OutOfRangeOptions {
  readonly kafka: Kafka;
  readonly groupId: string;
  /** What to do when the position is no longer in the log. */
  readonly onOutOfRange: 'fail' | 'earliest' | 'latest';
  readonly logger: Logger;
}

/**
 * Where to go on when retention has passed a position. kafkajs would go to its default offset without a word.
 * @returns the first or last offset of the log, as the policy says
 * @throws WeirError `offset_out_of_range` under the policy `fail`, `topic_missing`, or what Kafka said
 */
export async function offsetAfterGap(options: OutOfRangeOptions, topic: string, partition: number): Promise<number> {
  const { onOutOfRange, kafka, groupId, logger } = options;
  return withAdmin(kafka, `finding the end of ${topic}-${partition}`, async (admin) => {
    const ends = (await admin.fetchTopicOffsets(topic)).find((o) => o.partition === partition);
    if (!ends) throw new WeirError('topic_missing', `Topic ${topic} has no partition ${partition} any more.`);
    if (onOutOfRange === 'fail') {
      throw new WeirError(
        'offset_out_of_range',
        `The position of group ${groupId} in ${topic}-${partition} is no longer in the log, which now holds offsets ${ends.low} to ${ends.high}. Records in between were never scored.`,
      );
    }
    const offset = Number(onOutOfRange === 'earliest' ? ends.low : ends.high);
    logger.warn({ topic, partition, offset, policy: onOutOfRange }, 'position was out of range; records may have been skipped');
    return offset;
  });
}
