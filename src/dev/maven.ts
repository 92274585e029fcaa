import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DevServicesError } from './errors.ts';
import { startProcess, tailOf } from './process.ts';
import { findOnPath } from './programs.ts';

const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin';

/** Coordinates of a published jar, as `group:artifact:version`. */
export type Coordinates = `${string}:${string}:${string}`;

/** A project that only depends on the artifacts, for Maven to resolve. */
export function pomFor(artifacts: readonly Coordinates[]): string {
  const dependencies = artifacts.map((coordinates) => {
    const [group, artifact, version] = coordinates.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>weir</groupId><artifactId>services</artifactId><version>1</version><dependencies>${dependencies.join('')}</dependencies></project>\n`;
}

/**
 * Runs Maven with a local repository of its own inside `folder`, which is removed afterwards. So several runs may go
 * on at once (Maven 3.8 does not lock its repository between processes), and each fetches only what it needs. Where
 * Maven fetches from is the user's settings, as always.
 */
async function runMaven(folder: string, args: readonly string[]): Promise<void> {
  const mvn = findOnPath('mvn');
  if (mvn === undefined) throw new DevServicesError('Maven is needed once to fetch it, and there is no mvn on PATH');
  const repository = join(folder, '.m2');
  const logFile = join(folder, 'maven.log');
  await mkdir(repository, { recursive: true });
  const maven = await startProcess({
    name: 'Maven',
    command: mvn,
    args: ['-q', '-B', `-Dmaven.repo.local=${repository}`, ...args],
    cwd: folder,
    logFile,
  });
  const outcome = await maven.outcome;
  await rm(repository, { recursive: true, force: true });
  if (outcome !== 'exit 0') throw new DevServicesError(`Maven failed (${outcome}):\n${tailOf(logFile, 6)}`);
}

/** Puts the artifacts and all that they need at run time, as jars, into `folder/libs`. */
export async function fetchJars(artifacts: readonly Coordinates[], folder: string): Promise<void> {
  const pom = join(folder, 'pom.xml');
  await writeFile(pom, pomFor(artifacts));
  await runMaven(folder, [
    '-f',
    pom,
    `${PLUGIN}:3.8.1:copy-dependencies`,
    '-DincludeScope=runtime',
    `-DoutputDirectory=${join(folder, 'libs')}`,
  ]);
}

/** Unpacks the files of one jar that match a pattern (`redis-server-*`) into `folder`. */
export async function unpackJar(artifact: Coordinates, includes: string, folder: string): Promise<void> {
  await runMaven(folder, [
    `${PLUGIN}:3.8.1:unpack`,
    `-Dartifact=${artifact}`,
    `-Dmdep.unpack.includes=${includes}`,
    `-DoutputDirectory=${folder}`,
  ]);
}

/** Fetches one file (`group:artifact:version:type:classifier`) to `file` without what it depends on. */
export async function fetchFile(artifact: string, file: string, folder: string): Promise<void> {
  // 2.8 is the last line of versions whose `get` takes a destination; `copy` also asks for the artifact's parent
  // project, which not every publisher has published.
  await runMaven(folder, [`${PLUGIN}:2.8:get`, '-Dtransitive=false', `-Dartifact=${artifact}`, `-Ddest=${file}`]);
}
