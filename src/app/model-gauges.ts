import type { LoadedModel } from '../model/index.ts';
import type { WeirMetrics } from '../ops/index.ts';

/** Shows the length of runs, and keeps the gauges of the threads true at each scrape. */
export function watchModel(model: LoadedModel, metrics: WeirMetrics): void {
  metrics.model.runs(model.runRows);
  if (!model.threads) return;
  metrics.onScrape(() => metrics.model.threads(model.threads!));
}
