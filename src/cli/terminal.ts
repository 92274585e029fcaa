import { createInterface } from 'node:readline/promises';

/** Where a command writes and what it knows of the outside; tests give their own. */
export interface Terminal {
  /** A line of the command's result, on standard output. */
  out(line: string): void;
  /** A line about the command, on standard error. */
  err(line: string): void;
  /** Replaces the last line of progress on standard error; does nothing when that is not a terminal. */
  progress(line: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly style: Style;
  /** Width of standard output in characters; absent when it is not a terminal. */
  readonly columns?: number;
  /** Asks on standard error for a line; undefined when nobody can answer, for standard input is not a terminal. */
  ask?(question: string): Promise<string | undefined>;
}

/** Text in colours, or as it is. */
export interface Style {
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  dim(text: string): string;
  bold(text: string): string;
}

/** The terminal of this process. Colours follow NO_COLOR and FORCE_COLOR (no-color.org). */
export function processTerminal(): Terminal {
  const { env, stdin, stdout, stderr } = process;
  const hasColours = env['FORCE_COLOR'] !== undefined || (stdout.isTTY === true && !env['NO_COLOR']);
  let progressLength = 0;
  const endProgress = (): void => {
    if (progressLength > 0) stderr.write(`\r${' '.repeat(progressLength)}\r`);
    progressLength = 0;
  };
  return {
    env,
    style: hasColours ? coloured : plain,
    ...(stdout.isTTY === true && { columns: stdout.columns }),
    out(line) {
      endProgress();
      stdout.write(`${line}\n`);
    },
    err(line) {
      endProgress();
      stderr.write(`${line}\n`);
    },
    progress(line) {
      if (stderr.isTTY !== true) return;
      endProgress();
      stderr.write(line);
      progressLength = line.length;
    },
    async ask(question) {
      if (stdin.isTTY !== true) return undefined;
      endProgress();
      const lines = createInterface({ input: stdin, output: stderr });
      try {
        return await lines.question(question);
      } finally {
        lines.close();
      }
    },
  };
}

const same = (text: string): string => text;

/** Text as it is. */
export const plain: Style = { good: same, bad: same, warn: same, dim: same, bold: same };

const sgr =
  (code: number, end: number) =>
  (text: string): string =>
    `\u001b[${code}m${text}\u001b[${end}m`;

const coloured: Style = { good: sgr(32, 39), bad: sgr(31, 39), warn: sgr(33, 39), dim: sgr(2, 22), bold: sgr(1, 22) };

/** Lays rows out in columns of equal width, the first row as heading. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}
