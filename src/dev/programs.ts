import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { DevServicesError } from './errors.ts';

const run = promisify(execFile);

/** The full path of a program on PATH. */
export function findOnPath(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    if (folder === '') continue;
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not here; the next folder may have it
    }
  }
  return undefined;
}

/** The major version in the output of `java -version`: 17 for `openjdk version "17.0.15"`, 8 for `"1.8.0_412"`. */
export function javaMajorFrom(versionOutput: string): number | undefined {
  const match = /version "(?:1\.)?(\d+)/.exec(versionOutput);
  return match === null ? undefined : Number(match[1]);
}

/** A Java of at least the version asked for, from JAVA_HOME or PATH. @throws DevServicesError naming what was found instead */
export async function requireJava(minimum: number, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const home = env['JAVA_HOME'];
  const candidates = [home ? join(home, 'bin', 'java') : undefined, findOnPath('java', env)];
  const found: string[] = [];
  for (const java of candidates) {
    if (java === undefined) continue;
    try {
      const { stdout, stderr } = await run(java, ['-version']);
      const major = javaMajorFrom(stderr + stdout);
      if (major !== undefined && major >= minimum) return java;
      found.push(`${java} is version ${major ?? 'unknown'}`);
    } catch (error) {
      found.push(`${java} does not run (${(error as Error).message.split('\n')[0]})`);
    }
  }
  throw new DevServicesError(
    `Java ${minimum} or later is needed (JAVA_HOME or PATH)${found.length > 0 ? `: ${found.join('; ')}` : ': there is none'}`,
  );
}
