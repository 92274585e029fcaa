import type { TestProject } from 'vitest/node';
import { DevServicesError, startServices } from '../../src/dev/index.ts';
import './services.ts';

/** Starts real services once for all integration and contract tests. Not run when no such file is selected. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const begin = performance.now();
  const log = (line: string): void => void process.stderr.write(`services: ${line}\n`);
  try {
    const { how, stop, kafkaBrokers, redisUrl, registryUrl } = await startServices({ needs: ['kafka', 'redis', 'registry'], log });
    log(`${how} (${((performance.now() - begin) / 1000).toFixed(1)} s)`);
    project.provide('services', { kafkaBrokers, redisUrl, registryUrl });
    return stop;
  } catch (error) {
    if (error instanceof DevServicesError) error.stack = error.message; // the message is complete; a stack would bury it
    throw error;
  }
}
