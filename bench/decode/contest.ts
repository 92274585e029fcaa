const ROUNDS = 5;

/** What is compared: each runs over the same records once a call. */
export type Contenders = Readonly<Record<string, () => void>>;

/**
 * Runs contenders in interleaved rounds and prints the median of five: rows a second, and CPU time of the process a row.
 * @param records records of one call; @param repeats calls in a round
 */
export function contest(title: string, contenders: Contenders, records: number, repeats: number): void {
  const rates = new Map(Object.keys(contenders).map((name) => [name, { perSecond: [] as number[], cpuMicros: [] as number[] }]));
  // Round −1 warms up.
  for (let round = -1; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      const started = performance.now();
      const cpu = process.cpuUsage();
      for (let i = 0; i < repeats; i++) run();
      const { user, system } = process.cpuUsage(cpu);
      if (round < 0) continue;
      rates.get(name)!.perSecond.push((records * repeats * 1000) / (performance.now() - started));
      rates.get(name)!.cpuMicros.push((user + system) / (records * repeats));
    }
  }
  console.log(`\n${title}`);
  for (const [name, { perSecond, cpuMicros }] of rates)
    console.log(
      `${name.padEnd(24)} ${(median(perSecond) / 1e6).toFixed(2).padStart(6)} M rows/s ${median(cpuMicros).toFixed(2).padStart(8)} CPU µs a row`,
    );
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
