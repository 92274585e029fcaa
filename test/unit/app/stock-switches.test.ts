import { describe, expect, it, vi } from 'vitest';
import { checkStockSwitches } from '../../../src/app/stock-switches.ts';
import { silentLogger } from '../../../src/core/silent.ts';
import { EXTENSIONS, type Extension } from '../../../src/kafka/protocol/switches.ts';

describe('checkStockSwitches', () => {
  const check = (mode: 'exactly-once' | 'at-least-once', ...off: Extension[]): unknown[][] => {
    const warn = vi.fn<(fields: object, message: string) => void>();
    checkStockSwitches(mode, { ...silentLogger, warn }, new Set(off));
    return warn.mock.calls;
  };

  it('says nothing while nothing is switched off', () => {
    expect(check('exactly-once')).toEqual([]);
  });

  it('warns of what is switched off and says what stock does then', () => {
    expect(check('at-least-once', 'stable-offsets', 'idle-timer')).toEqual([
      [
        { stock: { 'stable-offsets': EXTENSIONS['stable-offsets'], 'idle-timer': EXTENSIONS['idle-timer'] } },
        expect.stringContaining('stable-offsets, idle-timer'),
      ],
    ]);
  });

  it.each(['columnar-fetch', 'member-offsets', 'stable-offsets'] as const)('refuses exactly-once delivery without %s', (name) => {
    expect(() => check('exactly-once', 'coordinator-cache', name)).toThrow(`switches off ${name}.`);
    expect(check('at-least-once', name)).toHaveLength(1);
  });

  it('allows exactly-once delivery without what only makes it quick', () => {
    expect(check('exactly-once', 'coordinator-cache', 'transaction-retry', 'columnar-produce')).toHaveLength(1);
  });
});
