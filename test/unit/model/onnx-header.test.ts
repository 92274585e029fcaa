import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WeirError } from '../../../src/core/errors.ts';
import { readOnnxHeader, SUPPORTED, versionProblems } from '../../../src/model/onnx-header.ts';
import { sumModel } from './onnx-builder.ts';

describe('readOnnxHeader', () => {
  it('reads IR version, opsets and producer', () => {
    const header = readOnnxHeader(sumModel(3, { irVersion: 9, opset: 12, mlOpset: 3 }), 'm.onnx');
    expect(header.irVersion).toBe(9);
    expect([...header.opsets]).toEqual([
      ['ai.onnx', 12],
      ['ai.onnx.ml', 3],
    ]);
    expect(header.producer).toBe('onnx-builder 1');
  });

  it('says of every truncation that the file is not whole', () => {
    const bytes = sumModel(3);
    for (let size = 0; size < bytes.length; size++) {
      // A cut between fields leaves a readable head; it lacks the graph, or the opsets behind it.
      try {
        const header = readOnnxHeader(bytes.subarray(0, size), 'm.onnx');
        expect(header.opsets.size).toBe(0);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(WeirError);
        expect((thrown as WeirError).message).toMatch(/^m\.onnx is not (a whole|an) ONNX model/);
      }
    }
  });

  it('ends on any bytes with a header or model_invalid', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          return readOnnxHeader(bytes, 'x').irVersion > 0;
        } catch (thrown) {
          return thrown instanceof WeirError && thrown.code === 'model_invalid';
        }
      }),
    );
  });
});

describe('versionProblems', () => {
  const problems = (changes: Parameters<typeof sumModel>[1]): string[] => versionProblems(readOnnxHeader(sumModel(1, changes), 'm'));

  it('accepts what the runtime reads, up to the last version', () => {
    expect(problems({ irVersion: SUPPORTED.irVersion, opset: 26, mlOpset: 5 })).toEqual([]);
  });

  it('names what is too new and how to export again', () => {
    expect(problems({ irVersion: 14 })).toEqual([expect.stringMatching(/IR version 14, .* up to 13; set model\.ir_version = 8/)]);
    expect(problems({ opset: 28 })).toEqual([expect.stringMatching(/opset 28 of ai\.onnx, .* up to 26; export again with opset 17/)]);
    expect(problems({ mlOpset: 6 })).toEqual([expect.stringMatching(/opset 6 of ai\.onnx\.ml, .* up to 5; .*"ai\.onnx\.ml": 3/)]);
    expect(problems({ irVersion: 14, opset: 28, mlOpset: 6 })).toHaveLength(3);
  });
});
