/** What all benchmarks print: the machine in a line and Markdown tables. With `--json` one object follows on the last line. */
import { availableParallelism, cpus, loadavg } from 'node:os';

/** The machine and what was measured how, for the line above a table. */
export function machineLine(...more: readonly string[]): string {
  const load = loadavg().map((l) => l.toFixed(1));
  return [`Node ${process.version}`, `${availableParallelism()} × ${cpus()[0]?.model}`, ...more]
    .join(', ')
    .concat(`; load ${load.join(' ')}`);
}

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** `a–b`, with as many decimals as are wanted. */
export function rangeText(values: readonly number[], decimals: number): string {
  return `${Math.min(...values).toFixed(decimals)}–${Math.max(...values).toFixed(decimals)}`;
}
