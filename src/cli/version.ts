import { readFileSync } from 'node:fs';
import { EXIT_CODES } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** `weir version`. */
export async function versionCommand(_options: object, terminal: Terminal): Promise<number> {
  terminal.out(`weir ${packageVersion()} (Node.js ${process.versions.node}, ${process.platform}-${process.arch})`);
  return EXIT_CODES.ok;
}

/** The version in our package.json, which lies two folders up from the sources and three from the build. */
export function packageVersion(): string {
  for (const up of ['../../package.json', '../../../package.json']) {
    try {
      const manifest = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as { name?: string; version?: string };
      if (manifest.name === 'weir' && manifest.version !== undefined) return manifest.version;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    }
  }
  return 'of unknown version';
}
