import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { DevServicesError } from './errors.ts';
import { installKafka } from './kafka-home.ts';

/** A tool that hangs, for its broker is gone, is ended after this long. */
const TIMEOUT_MS = 60_000;

/**
 * Runs one of Kafka's own command line tools to its end, in about 2 s.
 * @param mainClass what the script of the release starts, such as `kafka.admin.ConfigCommand` for `kafka-configs.sh`
 * @returns what it wrote to standard output
 * @throws DevServicesError with what it wrote, when it fails
 */
export async function runKafkaTool(mainClass: string, args: readonly string[], version?: string): Promise<string> {
  const home = await installKafka(version);
  try {
    const { stdout } = await promisify(execFile)(home.java, [...home.command(mainClass, tmpdir()), ...args], { timeout: TIMEOUT_MS });
    return stdout;
  } catch (cause) {
    const { stdout = '', stderr = '' } = cause as { stdout?: string; stderr?: string };
    throw new DevServicesError(`${mainClass} failed:\n${stdout}${stderr}`.trimEnd(), { cause });
  }
}
