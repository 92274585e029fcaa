import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { takeWorkerSlot } from '../../../src/app/worker-slot.ts';

const group = `slots-${crypto.randomUUID()}`;

describe('takeWorkerSlot', () => {
  it('gives the first free one', async () => {
    const first = await takeWorkerSlot(group, 'host');
    const second = await takeWorkerSlot(group, 'host');
    const elsewhere = await takeWorkerSlot(group, 'other');
    expect([first.id, second.id, elsewhere.id]).toEqual([`${group}-host-0`, `${group}-host-1`, `${group}-other-0`]);
    await first.release();
    const again = await takeWorkerSlot(group, 'host');
    expect(again.id).toBe(first.id);
    await Promise.all([again, second, elsewhere].map((slot) => slot.release()));
  });

  it('finds the slot of a process that was killed', async () => {
    const module = new URL('../../../src/app/worker-slot.ts', import.meta.url).href;
    const script = `const { takeWorkerSlot } = await import(${JSON.stringify(module)}); console.log((await takeWorkerSlot('${group}', 'killed')).id); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    expect(line.toString().trim()).toBe(`${group}-killed-0`);
    const beside = await takeWorkerSlot(group, 'killed');
    expect(beside.id).toBe(`${group}-killed-1`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const after = await takeWorkerSlot(group, 'killed');
    expect(after.id).toBe(`${group}-killed-0`);
    await Promise.all([beside.release(), after.release()]);
  });
});
