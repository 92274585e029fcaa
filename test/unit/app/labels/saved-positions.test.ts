import { describe, expect, it } from 'vitest';
import { type PositionOwner, positionsIn, putPosition } from '../../../../src/app/labels/saved-positions.ts';
import { OutputRecords } from '../../../../src/core/outputs.ts';
import type { JoinPosition } from '../../../../src/labels/join-seat.ts';

const owner: PositionOwner = { model: 'm', modelVersion: '1', referenceId: 'abc', layout: 'binary/257' };
const position: JoinPosition = { predictions: 9, labels: { 0: 4, 1: 0 }, predictionsFrom: 3, labelsFrom: { 0: 1, 1: 0 } };

function valuesOf(records: OutputRecords): Map<string, string | null> {
  const text = (start: number, length: number): string => records.buffer.toString('utf8', start, start + length);
  return new Map(
    Array.from({ length: records.count }, (_, i) => [
      text(records.keyStart[i]!, records.keyLength[i]!),
      text(records.valueStart[i]!, records.valueLength[i]!),
    ]),
  );
}

describe('saved positions of labels', () => {
  const records = new OutputRecords('state');
  putPosition(records, owner, 0, position, 1);
  putPosition(records, owner, 12, { ...position, predictions: 5 }, 1);
  const values = valuesOf(records);

  it('are read back by partition', () => {
    expect(positionsIn(values, owner)).toEqual(
      new Map([
        [0, position],
        [12, { ...position, predictions: 5 }],
      ]),
    );
  });

  it('are of no use to another version, reference or layout', () => {
    for (const other of [{ modelVersion: '12' }, { model: 'm|1' }, { referenceId: 'other' }, { layout: 'regression/90' }]) {
      expect(positionsIn(values, { ...owner, ...other })).toEqual(new Map());
    }
  });

  it('are left out where they are of another format', () => {
    const broken = new Map([...values].map(([key, text], i) => [key, i === 0 ? '{' : text!.replace('weir-labels/1', 'weir-labels/0')]));
    expect(positionsIn(broken, owner)).toEqual(new Map());
  });
});
