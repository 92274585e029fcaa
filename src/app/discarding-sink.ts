import type { Sink } from '../core/ports.ts';

/**
 * A sink that keeps nothing: for commands that run the pipeline without writing to Kafka.
 * @param onPosition told how far the partitions are
 */
export function discardingSink(onPosition: (position: { partition: number; nextOffset: number }) => void = () => {}): Sink {
  return {
    failure: undefined,
    start: async () => {},
    async emit({ positions }) {
      for (const position of positions) onPosition(position);
      return true;
    },
    committedWith: ({ nextOffset }) => nextOffset,
    msUntilClosing: () => Number.POSITIVE_INFINITY,
    flush: async () => {},
    close: async () => {},
  };
}
