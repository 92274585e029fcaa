import { expect, it } from 'vitest';
import { ManualClock } from '../../../src/core/clock.ts';
import { TopicWatch } from '../../../src/kafka/topic-watch.ts';

it('calls a topic deleted that the cluster has not had for ten seconds on end', async () => {
  const clock = new ManualClock();
  let answer = async (): Promise<boolean> => false;
  const watch = new TopicWatch('flights', () => answer(), clock);
  const look = async (): Promise<void> => {
    const looking = watch.lookAgain();
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(5_000);
    await looking;
  };
  await look();
  await look();
  answer = async () => true;
  await look();
  answer = async () => {
    throw new Error('away');
  };
  for (let i = 0; i < 5; i++) await look();
  answer = async () => false;
  await look();
  await look();
  await expect(watch.lookAgain()).rejects.toMatchObject({ code: 'topic_missing', message: expect.stringContaining('flights') });
});
