/** The short form of `npm run test:chaos`: the same scenarios with fewer inputs and faults, on services of their own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCENARIOS } from '../chaos/scenarios/index.ts';
import { planOf, runScenario } from '../chaos/suite.ts';

const SHORT = ['kill/exactly-once', 'rolling-restart/exactly-once', 'checker-catches-no-fencing'];

describe('chaos, in short', { timeout: 300_000 }, () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-chaos-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));

  it.each(planOf(SCENARIOS, SHORT).map((planned) => ({ ...planned, name: planned.scenario.name })))(
    '$name ($delivery)',
    async (planned) => {
      const lines: string[] = [];
      const row = await runScenario(planned.scenario, planned.delivery, {
        ...{ seed: 1, isQuick: true, folder, say: (line) => lines.push(line) },
        signal: new AbortController().signal,
      });
      expect(row.problems, lines.join('\n')).toEqual([]);
      expect(row.inputs).toBeGreaterThan(1_000);
      expect(row.faults).toBeGreaterThan(0);
    },
  );
});
