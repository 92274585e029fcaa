import type { PipelineConfig } from '../config/index.ts';
import type { OnlineStore } from '../core/ports.ts';
import type { KafkaSource } from '../kafka/source.ts';
import type { Health } from '../ops/index.ts';

/** Health of a worker that is not started yet. */
export interface WorkerHealth extends Health {
  /** Model, stores and topics are there; from now on readiness is theirs. */
  started(config: PipelineConfig, source: KafkaSource, stores: ReadonlyMap<string, OnlineStore>): void;
}

/**
 * Live as long as it answers: a worker that cannot go on ends by itself, and restarting one that waits would cure nothing.
 * Ready when partitions can be had, and when every store that the pipeline waits for (`onUnavailable: pause`) answers.
 */
export function createHealth(): WorkerHealth {
  let reasons = (): string[] => ['starting: model, stores and topics'];
  return {
    live: () => true,
    ready() {
      const waiting = reasons();
      return { ready: waiting.length === 0, reasons: waiting };
    },
    started(config, source, stores) {
      const awaited = new Set(
        Object.values(config.features)
          .filter(({ onUnavailable }) => onUnavailable === 'pause')
          .map(({ store }) => store),
      );
      reasons = () => [
        ...(source.stats.rebalances === 0 ? ['waiting for the consumer group'] : []),
        ...[...stores]
          .filter(([name, store]) => awaited.has(name) && !store.isHealthy())
          .map(([name]) => `online store ${name} does not answer`),
      ];
    },
  };
}
