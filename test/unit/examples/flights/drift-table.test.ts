import { expect, test } from 'vitest';
import { driftTable } from '../../../../examples/flights/drift-table.ts';
import { featureOf, windowOf } from '../../drift-report/windows.ts';

const HOURS_OF_A_MONTH = 31 * 24;

test('has a row for each column, most in drift first, and the score of each model last', () => {
  const windows = (drifted: boolean) => [
    windowOf(0, [featureOf('calm'), featureOf('temp', { status: 'DRIFT', tvd: 0.94 })], {
      prediction: featureOf('score', drifted ? { status: 'DRIFT', tvd: 0.27 } : {}),
    }),
    windowOf(HOURS_OF_A_MONTH, [featureOf('calm', { status: 'INSUFFICIENT_DATA', tvd: null }), featureOf('temp', { tvd: 0.08 })]),
    windowOf(2 * HOURS_OF_A_MONTH, [featureOf('calm'), featureOf('temp')], { status: 'INSUFFICIENT_DATA' }),
  ];
  expect(
    driftTable(
      new Map([
        ['gbt', windows(true)],
        ['lr', windows(false)],
      ]),
    ),
  ).toEqual([
    '|  | Jan | Feb | months in drift |',
    '| --- | --- | --- | --- |',
    '| `temp` | **94** | 8 | 1 |',
    '| `calm` | 1 | – | 0 |',
    '| score of gbt | **27** | 1 | 1 |',
    '| score of lr | 1 | 1 | 0 |',
  ]);
});
