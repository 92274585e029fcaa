/** What the demo writes to the terminal: finished lines, and below them a live region that is drawn anew. */

/** Where it is written. */
export interface Terminal {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Colours by meaning. Each returns its text unchanged when colours are off. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  warn(text: string): string;
  bad(text: string): string;
  accent(text: string): string;
}

/** A terminal with a live region. On anything but a terminal the region is never drawn, and nothing is coloured. */
export interface Screen {
  readonly isLive: boolean;
  /** Columns that a line may take. */
  readonly width: number;
  readonly paint: Paint;
  /** Writes lines that stay. */
  print(...lines: string[]): void;
  /** Replaces the live region. */
  draw(lines: readonly string[]): void;
  /** Gives the cursor back. */
  close(): void;
}

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const ERASE_BELOW = '\x1b[0J';

/** @param options.color false: never; @param options.silent true: writes nothing at all */
export function createScreen(terminal: Terminal, options: { readonly color: boolean; readonly silent: boolean }): Screen {
  const isLive = terminal.isTTY === true && !options.silent;
  const paint = createPaint(isLive && options.color);
  const width = Math.max(40, Math.min(100, terminal.columns ?? 80));
  let region: readonly string[] = [];
  let isHidden = false;
  const up = (): string => (region.length > 0 ? `\x1b[${region.length}A\r${ERASE_BELOW}` : '');
  return {
    isLive,
    width,
    paint,
    print(...lines) {
      if (options.silent) return;
      const kept = region;
      // One write: a terminal that draws between two would flicker.
      terminal.write(up() + [...lines, ...kept].map((line) => `${line}\n`).join(''));
      region = kept;
    },
    draw(lines) {
      if (!isLive) return;
      const fitted = lines.map((line) => clip(line, width));
      terminal.write((isHidden ? '' : HIDE_CURSOR) + up() + fitted.map((line) => `${line}\n`).join(''));
      region = fitted;
      isHidden = true;
    },
    close() {
      if (isHidden) terminal.write(SHOW_CURSOR);
      isHidden = false;
      region = [];
    },
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with a control character
const STYLES = /\x1b\[[0-9;]*m/g;

/** Columns that a text takes, colours not counted. */
export function visibleLength(text: string): number {
  return [...text.replace(STYLES, '')].length;
}

/** Cuts a text, colours kept, to `width` columns. */
export function clip(text: string, width: number): string {
  if (visibleLength(text) <= width) return text;
  let out = '';
  let columns = 0;
  for (const part of text.split(/(\x1b\[[0-9;]*m)/)) {
    if (part.startsWith('\x1b')) {
      out += part;
      continue;
    }
    const room = [...part].slice(0, width - columns);
    columns += room.length;
    out += room.join('');
  }
  return out;
}

function createPaint(isOn: boolean): Paint {
  const style = (open: number, close: number) => (text: string) => (isOn && text !== '' ? `\x1b[${open}m${text}\x1b[${close}m` : text);
  return { bold: style(1, 22), dim: style(2, 22), good: style(32, 39), warn: style(33, 39), bad: style(31, 39), accent: style(36, 39) };
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const HEIGHTS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** A horizontal bar of exactly `width` columns, filled to `share` (0 to 1) in steps of an eighth. */
export function bar(share: number, width: number, rest = '·'): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const full = Math.floor(eighths / 8);
  const filled = '█'.repeat(full) + (EIGHTHS[eighths % 8] ?? '');
  return filled + rest.repeat(width - [...filled].length);
}

/** A column of one character a value, of height value / `top`; NaN is a gap. */
export function sparkline(values: readonly number[], top = Math.max(0, ...values.filter((value) => !Number.isNaN(value)))): string {
  return values
    .map((value) => {
      if (Number.isNaN(value)) return ' ';
      return HEIGHTS[top > 0 ? Math.min(7, Math.floor((Math.max(0, value) / top) * 8)) : 0];
    })
    .join('');
}

/** Thousands with commas: 328,521. */
export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** A duration a person can read: `0.42 ms`, `12 ms`, `1.3 s`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return '–';
  if (ms >= 1000) return `${(ms / 1000).toFixed(ms >= 10_000 ? 0 : 1)} s`;
  return `${ms >= 10 ? Math.round(ms) : Number(ms.toPrecision(2))} ms`;
}
