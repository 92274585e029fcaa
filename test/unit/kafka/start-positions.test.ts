import { describe, expect, it } from 'vitest';
import { startPositions } from '../../../src/kafka/start-positions.ts';

const ENDS = new Map([
  [0, { low: 40, high: 500 }],
  [1, { low: 7, high: 600 }],
]);

async function start(startFrom: 'earliest' | 'latest', partitions: number[], committed: [number, number][]) {
  const commits: Map<number, number>[] = [];
  let asked = 0;
  const positions = await startPositions(partitions, {
    startFrom,
    committed: new Map(committed),
    async logEnds() {
      asked++;
      return ENDS;
    },
    commit: async (offsets) => void commits.push(new Map(offsets)),
  });
  return { positions: [...positions], commits: commits.map((c) => [...c]), asked };
}

describe('startPositions', () => {
  it('begins at what the group has committed, and asks for nothing else', async () => {
    expect(
      await start(
        'latest',
        [1, 0],
        [
          [0, 5],
          [1, 9],
        ],
      ),
    ).toEqual({
      positions: [
        [1, 9],
        [0, 5],
      ],
      commits: [],
      asked: 0,
    });
    expect(await start('earliest', [], [])).toEqual({ positions: [], commits: [], asked: 0 });
  });

  it('begins at the first offset of the log, which is not always 0', async () => {
    expect(await start('earliest', [0, 1, 2], [[1, 9]])).toEqual({
      positions: [
        [1, 9],
        [0, 40],
        [2, 0],
      ],
      commits: [],
      asked: 1,
    });
  });

  it('commits the end of the log where nothing is committed, and nothing else', async () => {
    expect(await start('latest', [0, 1, 2], [[1, 9]])).toEqual({
      positions: [
        [1, 9],
        [0, 500],
        [2, 0],
      ],
      commits: [
        [
          [0, 500],
          [2, 0],
        ],
      ],
      asked: 1,
    });
  });
});
