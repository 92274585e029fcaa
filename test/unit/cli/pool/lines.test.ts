import { describe, expect, it } from 'vitest';
import { WorkerLines } from '../../../../src/cli/pool/lines.ts';

function passedOn(worker: number, parts: readonly string[]): string[] {
  const written: string[] = [];
  const lines = new WorkerLines(worker, (text) => void written.push(text));
  for (const part of parts) lines.push(part);
  lines.end();
  return written;
}

describe('WorkerLines', () => {
  it('passes log lines on as they are, whole, however they come', () => {
    expect(passedOn(1, ['{"worker":1,"msg', '":"a"}\n{"b":1}\n{', '"c":1}\n'])).toEqual(['{"worker":1,"msg":"a"}\n{"b":1}\n', '{"c":1}\n']);
  });

  it('says of other lines whose they are, the last one without a line end included', () => {
    expect(passedOn(2, ['FATAL ERROR: heap limit\n\n', ' 1: node::Abort'])).toEqual([
      'worker 2: FATAL ERROR: heap limit\nworker 2: \n',
      'worker 2:  1: node::Abort\n',
    ]);
    expect(passedOn(2, [])).toEqual([]);
  });

  it('cuts what has no line end', () => {
    const written = passedOn(0, Array<string>(30).fill('x'.repeat(100_000)));
    expect(written.length).toBe(3);
    for (const text of written) expect(text.length).toBeLessThan(1_200_000);
    expect(written.join('').replaceAll(/worker 0: |\n/g, '').length).toBe(3_000_000);
  });
});
