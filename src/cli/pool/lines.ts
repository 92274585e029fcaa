/** Longer lines are cut: a worker that writes no line ends must not fill the memory of its supervisor. */
const MAX_LINE_CHARS = 1_048_576;

/**
 * Passes on what a worker writes, in whole lines, so that those of several workers do not mix. A log line (one JSON object)
 * carries the worker's number already; any other line (a message for people, the last words of V8) gets it in front.
 */
export class WorkerLines {
  private readonly prefix: string;
  private readonly write: (text: string) => void;
  private rest = '';

  /** @param write gets whole lines, with their line ends */
  constructor(worker: number, write: (text: string) => void) {
    this.prefix = `worker ${worker}: `;
    this.write = write;
  }

  /** Takes text as it comes. */
  push(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop()!;
    if (this.rest.length > MAX_LINE_CHARS) lines.push(this.rest);
    if (this.rest.length > MAX_LINE_CHARS) this.rest = '';
    if (lines.length > 0) this.write(lines.map((line) => this.labelled(line)).join(''));
  }

  /** The worker will write no more: what it has begun is a line, too. */
  end(): void {
    if (this.rest !== '') this.write(this.labelled(this.rest));
    this.rest = '';
  }

  private labelled(line: string): string {
    return line.startsWith('{') ? `${line}\n` : `${this.prefix}${line}\n`;
  }
}
