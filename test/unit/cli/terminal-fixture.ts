import { plain, type Terminal } from '../../../src/cli/terminal.ts';

/** A terminal that keeps what is written to it. */
export function recordingTerminal(env: Record<string, string> = {}): Terminal & { readonly stdout: string[]; readonly stderr: string[] } {
  const stdout: string[] = [];
  const stderr: string[] = [];
  return {
    env,
    style: plain,
    stdout,
    stderr,
    out: (line) => void stdout.push(line),
    err: (line) => void stderr.push(line),
    progress: () => {},
  };
}
