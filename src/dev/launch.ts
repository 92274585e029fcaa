import { readFileSync } from 'node:fs';

/** How the operating system would start a script, but with the Node that runs this. */
export interface Launch {
  readonly command: string;
  /** What comes before the script. */
  readonly options: readonly string[];
  /** To be put over the environment. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Reads `#!/usr/bin/env -S NAME=value … node --option …` in the first line of a script, so that demo and benchmarks run what
 * a user runs who calls it by its name.
 * @throws Error when the line is none of that kind
 */
export function launchOf(script: string): Launch {
  const line = readFileSync(script, 'utf8').split('\n', 1)[0]!;
  const parts = /^#!\/usr\/bin\/env -S ((?:\w+=\S+ )*)node((?: --\S+)*)$/.exec(line);
  if (!parts) throw new Error(`${script} does not begin with a line like "#!/usr/bin/env -S NAME=value node --option", but with: ${line}`);
  const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
  const env = Object.fromEntries(words(parts[1]!).map((word) => word.split('=', 2) as [string, string]));
  return { command: process.execPath, options: words(parts[2]!), env };
}
