import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { examplePath } from '../../../../examples/flights/flight-data.ts';

test('scoring by the second way reports to nobody, so ONNX Runtime leaves no files of its telemetry', () => {
  const temporary = mkdtempSync(join(tmpdir(), 'weir-reference-rows-test-'));
  try {
    const script = `
      const { scoreDirectly } = await import(${JSON.stringify(examplePath('build/reference-rows.ts'))});
      const { scores } = await scoreDirectly('flights-lr', ${JSON.stringify(examplePath('models/flights-lr/1/model.onnx'))}, [{ columns: {} }]);
      console.log(process.env.ORT_DISABLE_TELEMETRY, scores.length);`;
    const { ORT_DISABLE_TELEMETRY: _ours, ...env } = process.env;
    const options = { env: { ...env, TMPDIR: temporary }, encoding: 'utf8' } as const;
    expect(execFileSync(process.execPath, ['--input-type=module', '-e', script], options)).toBe('1 1\n');
    expect(readdirSync(temporary)).toEqual([]);
  } finally {
    rmSync(temporary, { recursive: true });
  }
});
