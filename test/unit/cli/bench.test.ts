import { describe, expect, it } from 'vitest';
import type { BenchReport } from '../../../src/app/bench/bench.ts';
import type { RunResult } from '../../../src/app/bench/run-once.ts';
import type { SettingResult } from '../../../src/app/bench/settings.ts';
import { rates } from '../../../src/cli/bench.ts';
import { benchText } from '../../../src/cli/bench-text.ts';
import { plain } from '../../../src/cli/terminal.ts';

const run: RunResult = {
  ...{ seconds: 10, events: 1_000_000, eventsPerSecond: 100_000, cpuSecondsPerMillionEvents: 9.87, rowsPerBatch: 2_048, rssBytes: 3e8 },
  ...{ stepMicrosPerEvent: { decode: 1.5, score: 4 }, failed: [], skipped: 0, hitShare: { card: 0.987 }, keepsRate: true },
};
const latency = { count: 10_000, p50Ms: 1.25, p95Ms: 4, p99Ms: 12.34, maxMs: 1_234 };
const setting = (maxRows: number, meetsTarget: boolean): SettingResult => ({
  ...{ maxRows, eventsPerSecond: maxRows * 100, cpuSecondsPerMillionEvents: 9, rowsPerBatch: maxRows, meetsTarget },
  loaded: { ...run, rate: 70, latency },
});
const report: BenchReport = {
  ...{ pipeline: 'fraud', model: { name: 'gbt', version: '3' }, targetMs: 20, interrupted: false },
  scope: { kafka: false, stores: ['main'], drift: true },
  events: { kind: 'synthetic', origin: 'event.avsc', count: 100_000, bytesPerEvent: 133, entities: { card: 4_711 } },
  maximum: run,
  latency: [{ ...run, rate: 1_000, latency }],
  unmeasured: [],
  settings: [setting(64, true), setting(512, true), setting(2_048, false)],
  recommended: setting(512, true),
};
const text = (changes: Partial<BenchReport> = {}): string => benchText({ ...report, ...changes }, plain).join('\n');

describe('the report of weir bench', () => {
  it('shows throughput, latencies and settings, and the YAML to paste', () => {
    const shown = text();
    expect(shown).toContain('events per second                     100,000');
    expect(shown).toContain('decode 1.50, score 4.00');
    expect(shown).toContain('card 99 %');
    expect(shown).toMatch(/1,000 +100,000 +1\.3 +4\.0 +12\.3 +1,234/);
    expect(shown).toMatch(/512 +51,200 +9\.0 +512 +1\.3 +12\.3 +yes, best/);
    expect(shown).toContain('batch:\n  maxRows: 512\n  targetMs: 20');
    expect(shown).not.toMatch(/^!/m);
  });

  it('does not judge settings that were not measured under load', () => {
    const { loaded: _, meetsTarget: _m, ...stopped } = setting(64, true);
    const { recommended: _r, ...without } = report;
    expect(benchText({ ...without, settings: [stopped], interrupted: true }, plain).join('\n')).toMatch(/64 +6,400 +9\.0 +64 +- +- +-\n/);
  });

  it('says what is not in the figures', () => {
    expect(text()).toContain('Without Kafka: its transport is not in the figures; nothing is written, no offset is committed.');
    expect(text()).toContain('The online stores are really read: main.');
    expect(text({ scope: { kafka: false, stores: [], drift: false } })).toContain('There is no online store to read.');
  });

  it('says what makes the figures worth less', () => {
    const failed = [{ code: 'out_of_range', rows: 250_000, share: 0.25, message: 'Column age is -3.' }];
    expect(text({ maximum: { ...run, failed } })).toContain('! 25 % of the events fail (out_of_range)');
    expect(text({ maximum: { ...run, failed } })).toContain('Column age is -3.');
    // A few are usual.
    expect(text({ maximum: { ...run, failed: [{ ...failed[0]!, share: 0.0005 }] } })).not.toContain('out_of_range');
    expect(text({ maximum: { ...run, skipped: 100_000 } })).toContain('! 10 % of the events are tombstones');
    expect(text({ latency: [{ ...run, rate: 9_000, keepsRate: false }] })).toContain('! the rate of 9,000 events/s is not kept');
    expect(text({ unmeasured: [1] })).toContain('! at 1 events/s nothing was finished in the time given: raise --seconds');
    expect(text({ events: { ...report.events, entities: { card: 0 } } })).toContain('! feature group card: no entities were found');
    expect(text({ interrupted: true })).toContain('! interrupted');
    const { maximum: _, ...without } = report;
    expect(benchText(without, plain).join('\n')).toContain('raise --seconds');
  });

  it('says so when no setting meets the target', () => {
    const { recommended: _, ...without } = report;
    const shown = benchText(without, plain).join('\n');
    expect(shown).toContain('No setting meets the target');
    expect(shown).not.toContain('To paste');
  });
});

describe('rates', () => {
  it('are one or several, and nothing else', () => {
    expect(rates('1000')).toEqual([1_000]);
    expect(rates('500, 5000')).toEqual([500, 5_000]);
    for (const bad of ['', '1,', '0', '-5', 'x', '1e12']) expect(() => rates(bad)).toThrow('events a second');
  });
});
