import { DistinctKeys } from '../core/byte-keys.ts';
import type { Clock } from '../core/clock.ts';
import { WeirError, weirErrorFrom } from '../core/errors.ts';
import type { GroupLayout, RowLayout } from '../core/layout.ts';
import type { FeatureGroup, FeatureReader } from '../core/ports.ts';
import type { Rows } from '../core/rows.ts';
import { FeatureTableBuffer } from './feature-table.ts';
import { createScatter, type MissingAction, type UnavailableAction } from './scatter.ts';

export type { MissingAction, UnavailableAction } from './scatter.ts';

/** One feature group of a pipeline: where it is read and what happens when it has nothing to say. */
export interface EnrichedGroup {
  readonly layout: GroupLayout;
  /** Reads at least the features that the group's columns are bound to; see `featureGroupOf`. */
  readonly reader: FeatureReader;
  /** The entity is null, unknown, or its row is older than `maxAgeMs`. */
  readonly onMissing: MissingAction;
  /** The store does not answer. `pause`: `store_unavailable` is thrown and the batch is to be tried again. */
  readonly onUnavailable: UnavailableAction;
  /** Rows written longer ago than this are stale; so are rows of unknown age. Absent: age does not matter. */
  readonly maxAgeMs?: number;
}

/** What an enricher is made of. */
export interface EnricherOptions {
  readonly layout: RowLayout;
  readonly groups: readonly EnrichedGroup[];
  readonly clock: Clock;
}

/** The features that the columns of a group are bound to or compared with, each once, in column order: what a reader must fetch. */
export function featureGroupOf(layout: GroupLayout): FeatureGroup {
  const features = (kind: 'float' | 'string'): string[] => [
    ...new Set(
      [...layout.columns, ...layout.compared].flatMap(({ kind: k, binding }) =>
        k === kind && binding.from === 'group' ? [binding.feature] : [],
      ),
    ),
  ];
  return { name: layout.name, floatFeatures: features('float'), stringFeatures: features('string') };
}

/**
 * Creates the step that fills the columns of feature groups: per group the distinct entities of all ok rows are
 * fetched in one call, all groups at once, and their values are written into the rows.
 *
 * Rows without a usable value (`groupState` MISS, STALE or UNAVAILABLE) are finished here, by the policy of their group:
 * a column default or no value with the column's degraded bit set, or a dead letter. Later steps must not put defaults
 * into group columns of such rows, or the policy `nan` would lose its meaning. A null feature within a row that was
 * found stays without value and is the validator's to judge.
 *
 * Nothing is written before every group has answered, so a batch whose call threw can be given again unchanged.
 * May be called for several batches at once.
 * @throws WeirError (from the step) `store_unavailable` when a group that pauses has no answer; whatever else a reader throws
 */
export function createEnricher(options: EnricherOptions): (rows: Rows) => Promise<void> {
  const { layout, clock } = options;
  for (const group of layout.groups) {
    if (!options.groups.some((g) => g.layout.index === group.index)) {
      throw new WeirError('state_invalid', `Feature group ${group.name} has no reader.`);
    }
  }
  const groups = options.groups.map((group) => ({ ...group, scatter: createScatter(group, layout) }));
  // One set of buffers a batch in flight, used again afterwards.
  const idle: Workspace[][] = [];
  const createWorkspaces = (): Workspace[] =>
    groups.map(({ reader }) => ({ keys: new DistinctKeys(512), table: new FeatureTableBuffer(reader.group, 512) }));

  return async (rows) => {
    if (groups.length === 0) return;
    const workspaces = idle.pop() ?? createWorkspaces();
    const outcomes = await Promise.all(groups.map(({ layout: { index }, reader }, g) => fetchGroup(rows, index, reader, workspaces[g]!)));
    throwWorst(outcomes, groups);
    const nowMs = clock.wallMs();
    for (const [g, { scatter }] of groups.entries()) {
      const { keys, table } = workspaces[g]!;
      scatter(rows, keys, table, outcomes[g] === undefined, nowMs);
    }
    // Not returned after an error: then the call that failed may still hold them.
    idle.push(workspaces);
  };
}

interface Workspace {
  readonly keys: DistinctKeys;
  readonly table: FeatureTableBuffer;
}

/** Fetches one group of a batch. Resolves to the error instead of rejecting, so that no other group is left running. */
async function fetchGroup(rows: Rows, index: number, reader: FeatureReader, workspace: Workspace): Promise<WeirError | undefined> {
  const { keys, table } = workspace;
  keys.assign(rows.entities[index]!, rows.count, rows.status);
  if (keys.count === 0) return undefined;
  table.reserve(keys.count);
  try {
    await reader.fetch(keys, table);
    return undefined;
  } catch (thrown) {
    return weirErrorFrom(thrown);
  }
}

/** False for a group that only comparisons read: its policies hold nothing up and fail nothing. */
function isNeeded({ columns }: GroupLayout): boolean {
  return columns.length > 0;
}

/** Throws what must stop the batch: first what waiting cannot cure, then what a group says to wait for. */
function throwWorst(outcomes: readonly (WeirError | undefined)[], groups: readonly EnrichedGroup[]): void {
  const fatal = outcomes.find((error) => error !== undefined && error.code !== 'store_unavailable');
  if (fatal) throw fatal;
  const awaited = outcomes.find((error, g) => error !== undefined && groups[g]!.onUnavailable === 'pause' && isNeeded(groups[g]!.layout));
  if (awaited) throw awaited;
}
