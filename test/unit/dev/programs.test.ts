import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pomFor } from '../../../src/dev/maven.ts';
import { findOnPath, javaMajorFrom, requireJava } from '../../../src/dev/programs.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-programs-test-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function program(path: string, script: string): Promise<string> {
  const file = join(folder, path);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

const saysVersion = (version: string): string => `echo 'openjdk version "${version}" 2025-04-15' >&2`;

test('findOnPath takes the first that can be run', async () => {
  await mkdir(join(folder, 'first'));
  await writeFile(join(folder, 'first', 'tool'), 'not executable');
  const tool = await program('second/tool', 'true');
  await program('third/tool', 'true');
  const PATH = ['first', '', 'second', 'third'].map((name) => name && join(folder, name)).join(delimiter);
  expect(findOnPath('tool', { PATH })).toBe(tool);
  expect(findOnPath('absent', { PATH })).toBeUndefined();
  expect(findOnPath('tool', {})).toBeUndefined();
});

test.each([
  ['openjdk version "17.0.15" 2025-04-15', 17],
  ['java version "1.8.0_412"', 8],
  ['openjdk version "25" 2025-09-16', 25],
  ['openjdk version "24-ea" 2025-03-18', 24],
  ['The operation couldn’t be completed. Unable to locate a Java Runtime.', undefined],
])('javaMajorFrom %s', (output, expected) => {
  expect(javaMajorFrom(output)).toBe(expected);
});

describe('requireJava', () => {
  test('takes JAVA_HOME before PATH, and PATH when JAVA_HOME is too old', async () => {
    const old = await program('jdk8/bin/java', saysVersion('1.8.0_412'));
    const java21 = await program('jdk21/bin/java', saysVersion('21.0.2'));
    const java17 = await program('bin/java', saysVersion('17.0.15'));
    const PATH = join(folder, 'bin');
    expect(await requireJava(17, { PATH, JAVA_HOME: join(folder, 'jdk21') })).toBe(java21);
    expect(await requireJava(17, { PATH, JAVA_HOME: join(folder, 'jdk8') })).toBe(java17);
    await expect(requireJava(17, { JAVA_HOME: join(folder, 'jdk8') })).rejects.toThrow(
      `Java 17 or later is needed (JAVA_HOME or PATH): ${old} is version 8`,
    );
  });

  test('names a Java that does not run, or says that there is none', async () => {
    const broken = await program('bin/java', 'exit 1');
    await expect(requireJava(17, { PATH: join(folder, 'bin') })).rejects.toThrow(`${broken} does not run`);
    await expect(requireJava(17, { PATH: join(folder, 'empty') })).rejects.toThrow('there is none');
  });
});

test('pomFor names every artifact', () => {
  const pom = pomFor(['org.example:a:1.0', 'org.example:b_2.13:2.0-rc1']);
  expect(pom).toContain('<dependency><groupId>org.example</groupId><artifactId>a</artifactId><version>1.0</version></dependency>');
  expect(pom).toContain('<artifactId>b_2.13</artifactId><version>2.0-rc1</version>');
});
