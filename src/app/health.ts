import type { PipelineConfig } from '../config/index.ts';
import type { OnlineStore } from '../core/ports.ts';
import type { KafkaSource, SourceStats } from '../kafka/source.ts';
import type { Health } from '../ops/index.ts';

/** Health of a worker that is not started yet. */
export interface WorkerHealth extends Health {
  /** Model, stores and topics are there; from now on readiness is theirs. */
  started(
    config: Pick<PipelineConfig, 'features'> & { readonly kafka: Pick<PipelineConfig['kafka'], 'sessionTimeoutMs'> },
    source: Pick<KafkaSource, 'stats'>,
    stores: ReadonlyMap<string, Pick<OnlineStore, 'isHealthy'>>,
  ): void;
}

/**
 * Live as long as it answers: a worker that cannot go on ends by itself, and restarting one that waits would cure nothing.
 * Ready while it is a member of the group, with partitions or without, and hears from it, and when every store that the pipeline waits for (`onUnavailable: pause`) answers.
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
        ...withoutGroup(source.stats, config.kafka.sessionTimeoutMs),
        ...[...stores]
          .filter(([name, store]) => awaited.has(name) && !store.isHealthy())
          .map(([name]) => `online store ${name} does not answer`),
      ];
    },
  };
}

function withoutGroup({ rebalances, isInGroup, msSinceContact }: SourceStats, sessionTimeoutMs: number): string[] {
  if (rebalances === 0) return ['waiting for the consumer group'];
  if (!isInGroup) return ['lost the consumer group; joining it again'];
  // After this long without a heartbeat our partitions belong to somebody else.
  return msSinceContact > sessionTimeoutMs ? [`no contact with Kafka for ${Math.floor(msSinceContact / 1_000)} s`] : [];
}
