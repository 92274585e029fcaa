import type { KafkaSource } from '../kafka/source.ts';
import type { WeirMetrics } from '../ops/index.ts';

/** Keeps the gauges of the source true at each scrape, at no cost in between. */
export function watchSource(source: KafkaSource, metrics: WeirMetrics): void {
  let rebalances = 0;
  metrics.onScrape(() => {
    const { stats } = source;
    source.refreshEnds();
    metrics.source.queued(stats.queuedRows, stats.queuedBytes);
    const assignment = source.assignment();
    metrics.source.assigned(assignment.length);
    const lag = source.lag();
    metrics.source.lags(assignment.map(({ topic, partition }) => ({ topic, partition, lag: lag.get(partition) ?? 0 })));
    for (; rebalances < stats.rebalances; rebalances++) metrics.source.rebalanced();
  });
}
