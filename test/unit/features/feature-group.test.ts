import { expect, it } from 'vitest';
import { featureGroupFromRows } from '../../../src/features/index.ts';

it('finds the features of rows and their kinds, nulls included', () => {
  const rows = [
    { entity: 'N1', writtenAtMs: 1, values: { seats: 150, maker: null, model: null, _ts: 3 } },
    { entity: 'N2', writtenAtMs: 1, values: { engines: null, maker: 'AIRBUS' } },
  ];
  expect(featureGroupFromRows('plane', rows)).toEqual({
    name: 'plane',
    floatFeatures: ['seats', 'model', 'engines'],
    stringFeatures: ['maker'],
  });
});
