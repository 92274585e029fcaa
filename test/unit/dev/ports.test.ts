import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { freePorts, portAt, withFreePorts } from '../../../src/dev/ports.ts';

test('ports are different and free', async () => {
  const ports = await freePorts(20);
  expect(new Set(ports).size).toBe(20);
  // Never one that the system gives to outgoing connections: a client must not take the port of a server that restarts.
  expect(Math.max(...ports)).toBeLessThan(32_768);
  expect(Math.min(...ports)).toBeGreaterThan(1024);
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(portAt(ports, 7), '127.0.0.1', resolve));
  await new Promise((resolve) => server.close(resolve));
});

test.each([
  'Could not create server TCP listening socket 127.0.0.1:1: bind: Address already in use', // Redis
  'java.net.BindException: Address already in use',
  'Port 8080 seems to be in use by another process', // Quarkus
  'Bind for 0.0.0.0:9092 failed: port is already allocated', // Docker
])('tries other ports after: %s', async (message) => {
  const tried: number[] = [];
  const result = await withFreePorts(1, async (ports) => {
    tried.push(portAt(ports, 0));
    if (tried.length < 3) throw new Error(message);
    return 'started';
  });
  expect(result).toBe('started');
  expect(tried).toHaveLength(3);
});

test('gives up after the attempts, and at once on anything else', async () => {
  let starts = 0;
  const failing = (message: string) => async (): Promise<never> => {
    starts++;
    throw new Error(message);
  };
  await expect(withFreePorts(1, failing('Address already in use'), 4)).rejects.toThrow('already in use');
  expect(starts).toBe(4);
  starts = 0;
  await expect(withFreePorts(1, failing('out of memory'))).rejects.toThrow('out of memory');
  expect(starts).toBe(1);
});
