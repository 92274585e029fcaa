/** Begins what belongs to one metric on a page of the Prometheus text format. No line of another kind can begin so: label values have no line breaks. */
const FAMILY = '\n# HELP ';

/**
 * Puts pages of prom-client together to one, on which all samples of a metric stand together, as the format wants. No sample is
 * changed or added up: series must differ by a label, such as `worker`.
 *
 * Adding up is left to the database. The counters of a worker that is started again begin at 0: a sum made here would fall by
 * the part of that worker, and `rate()`, which takes any fall for a start from 0, would count what the others have once more.
 */
export function mergePages(pages: readonly string[]): string {
  const families = new Map<string, { readonly head: string; readonly samples: string[] }>();
  for (const page of pages) {
    for (const block of `\n${page}`.split(FAMILY).slice(1)) {
      const name = block.slice(0, block.indexOf(' '));
      // The line of HELP, then that of TYPE; a metric without samples ends with it.
      const typeEnd = block.indexOf('\n', block.indexOf('\n') + 1);
      const head = typeEnd < 0 ? block : block.slice(0, typeEnd);
      let family = families.get(name);
      if (!family) {
        family = { head, samples: [] };
        families.set(name, family);
      }
      const samples = typeEnd < 0 ? '' : block.slice(typeEnd + 1).trimEnd();
      if (samples !== '') family.samples.push(samples);
    }
  }
  return [...families.values()].map(({ head, samples }) => `# HELP ${[head.trimEnd(), ...samples].join('\n')}\n`).join('\n');
}
