import type { LayoutOptions } from '../core/layout.ts';
import type { PipelineConfig } from './finish.ts';

/** What of a pipeline the row layout depends on: entity fields by group, and the event-time field. */
export function layoutOptions(config: Pick<PipelineConfig, 'features' | 'input'>): LayoutOptions {
  const { eventTime } = config.input;
  return {
    entities: new Map(Object.entries(config.features).map(([group, { entity }]) => [group, entity])),
    ...(eventTime === undefined ? {} : { eventTime }),
  };
}
