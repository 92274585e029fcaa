import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A resolved value as the oracle tells it: `[type, text]`, or a record by field. */
export type OracleValue = readonly [type: string, text: string] | { readonly [field: string]: OracleValue };

/** What Java made of one datum. */
export type OracleResult =
  | { readonly value: OracleValue; readonly left: number }
  | { readonly error: 'DATA' | 'MALFORMED'; readonly message: string };

/** What Java made of a pair of schemas and its data. */
export interface OracleReply {
  readonly canonical?: string;
  readonly fingerprint?: string;
  readonly error?: 'SCHEMA';
  readonly message?: string;
  readonly results?: readonly OracleResult[];
}

/** Java Avro in a process of its own. */
export interface JavaOracle {
  ask(writer: unknown, reader: unknown, data: readonly Buffer[]): Promise<OracleReply>;
  stop(): void;
}

const SOURCE = fileURLToPath(new URL('./java-avro/', import.meta.url));

/** Why the oracle cannot run on this machine; undefined when it can. It needs a JDK of 17 or later and Maven. */
export function oracleObstacle(): string | undefined {
  for (const [tool, argument] of [
    ['javac', '-version'],
    ['mvn', '-version'],
  ] as const) {
    const probe = spawnSync(tool, [argument], { encoding: 'utf8' });
    if (probe.error || probe.status !== 0)
      return `Java Avro oracle not run: ${tool} is not on the PATH (needs a JDK of 17 or later and Maven).`;
    const version = tool === 'javac' ? Number(/javac (\d+)/.exec(probe.stdout + probe.stderr)?.[1]) : 17;
    if (!(version >= 17)) return `Java Avro oracle not run: javac is version ${version}, and 17 or later is needed.`;
  }
  return undefined;
}

/** Folder with the compiled oracle; built by Maven on first use and when the sources change. Never in the source tree. */
function builtOracle(): string {
  const sources = ['pom.xml', 'Oracle.java'].map((file) => readFileSync(join(SOURCE, file)));
  const digest = createHash('sha256').update(Buffer.concat(sources)).digest('hex').slice(0, 16);
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'weir');
  const folder = join(cache, `java-avro-oracle-${digest}`);
  if (existsSync(join(folder, 'complete'))) return folder;
  // Built aside and renamed, so that two test runs at once cannot see half a build.
  const aside = `${folder}.${process.pid}`;
  mkdirSync(aside, { recursive: true });
  const goals = ['compile', 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'];
  const build = spawnSync('mvn', ['-q', '-B', '-f', join(SOURCE, 'pom.xml'), `-Doracle.build=${aside}`, ...goals], { encoding: 'utf8' });
  if (build.status !== 0) throw new Error(`Maven could not build the Java Avro oracle:\n${build.stdout}\n${build.stderr}`);
  writeFileSync(join(aside, 'complete'), '');
  try {
    renameSync(aside, folder);
  } catch (thrown) {
    rmSync(aside, { recursive: true, force: true });
    if (!existsSync(join(folder, 'complete'))) throw thrown;
  }
  return folder;
}

/** Starts the oracle. Limits on lengths keep it from reserving what a false count asks for. */
export function startJavaOracle(): JavaOracle {
  const folder = builtOracle();
  const limits = ['string.maxLength', 'bytes.maxLength', 'collectionItems.maxLength'].map((l) => `-Dorg.apache.avro.limits.${l}=1000000`);
  const classPath = [join(folder, 'classes'), join(folder, 'dependency', '*')].join(process.platform === 'win32' ? ';' : ':');
  const child: ChildProcessWithoutNullStreams = spawn('java', [
    '-Xmx256m',
    '-XX:TieredStopAtLevel=1',
    ...limits,
    '-cp',
    classPath,
    'Oracle',
  ]);
  const waiting: { resolve: (reply: OracleReply) => void; reject: (error: Error) => void }[] = [];
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.resolve(JSON.parse(line) as OracleReply));
  child.on('exit', (code) => {
    for (const { reject } of waiting.splice(0)) reject(new Error(`The Java Avro oracle ended with code ${code}: ${errors}`));
  });
  return {
    ask(writer, reader, data) {
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        const request = { writer, ...(reader === undefined ? {} : { reader }), data: data.map((d) => d.toString('base64')) };
        child.stdin.write(`${JSON.stringify(request)}\n`);
      });
    },
    stop() {
      child.kill();
    },
  };
}
