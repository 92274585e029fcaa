import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { takeWorkerSlot } from '../../../src/app/worker-slot.ts';

const group = `slots-${crypto.randomUUID()}`;

describe('takeWorkerSlot', () => {
  it('gives the first free one', async () => {
    const first = await takeWorkerSlot(group, { host: 'host' });
    const second = await takeWorkerSlot(group, { host: 'host' });
    const elsewhere = await takeWorkerSlot(group, { host: 'other' });
    expect([first.id, second.id, elsewhere.id]).toEqual([`${group}-host-0`, `${group}-host-1`, `${group}-other-0`]);
    await first.release();
    const again = await takeWorkerSlot(group, { host: 'host' });
    expect(again.id).toBe(first.id);
    await Promise.all([again, second, elsewhere].map((slot) => slot.release()));
  });

  it('begins where it is told to, and goes on to the next that is free', async () => {
    const host = 'pools';
    const second = await takeWorkerSlot(group, { host, from: 1 });
    const beside = await takeWorkerSlot(group, { host, from: 1 });
    const first = await takeWorkerSlot(group, { host });
    const last = await takeWorkerSlot(group, { host, from: 999 });
    const afterLast = await takeWorkerSlot(group, { host, from: 999 });
    const slots = [second, beside, first, last, afterLast];
    expect(slots.map(({ id }) => id.slice(id.lastIndexOf('-') + 1))).toEqual(['1', '2', '0', '999', '3']);
    await Promise.all(slots.map((slot) => slot.release()));
  });

  it('finds the slot of a process that was killed', async () => {
    const module = new URL('../../../src/app/worker-slot.ts', import.meta.url).href;
    const script = `const { takeWorkerSlot } = await import(${JSON.stringify(module)}); console.log((await takeWorkerSlot('${group}', { host: 'killed' })).id); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    expect(line.toString().trim()).toBe(`${group}-killed-0`);
    const beside = await takeWorkerSlot(group, { host: 'killed' });
    expect(beside.id).toBe(`${group}-killed-1`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const after = await takeWorkerSlot(group, { host: 'killed' });
    expect(after.id).toBe(`${group}-killed-0`);
    await Promise.all([beside.release(), after.release()]);
  });
});
