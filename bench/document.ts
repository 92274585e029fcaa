/** Puts what a benchmark has printed into the page on performance, so that its tables are those of a run and not typed. */
import { readFileSync, writeFileSync } from 'node:fs';

const PAGE = new URL('../docs/performance.md', import.meta.url);

/**
 * Replaces what stands between `<!-- bench: NAME -->` and `<!-- end of NAME -->`.
 * @param lines Markdown; a last line that is a JSON object is left out
 * @throws Error when the page has no such place
 */
export function writeIntoPage(name: string, command: string, lines: readonly string[]): void {
  const page = readFileSync(PAGE, 'utf8');
  const begin = `<!-- bench: ${name} -->`;
  const end = `<!-- end of ${name} -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no lines ${begin} and ${end} to put the result between.`);
  const text = lines
    .filter((line, i) => !(i === lines.length - 1 && line.startsWith('{')))
    .join('\n')
    .trim();
  const day = new Date().toISOString().slice(0, 10);
  writeFileSync(PAGE, `${page.slice(0, from + begin.length)}\n\`${command}\`, ${day}:\n\n${text}\n\n${page.slice(to)}`);
}
