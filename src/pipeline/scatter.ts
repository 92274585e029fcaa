import type { DistinctKeys } from '../core/byte-keys.ts';
import { WeirError } from '../core/errors.ts';
import type { Column, GroupLayout, RowLayout } from '../core/layout.ts';
import type { FeatureReader, FeatureTable } from '../core/ports.ts';
import type { WrongTypes } from '../core/wrong-types.ts';
import { GROUP_HIT, GROUP_MISS, GROUP_STALE, GROUP_UNAVAILABLE, type Rows, STATUS_OK } from '../core/rows.ts';

/**
 * What becomes of a row whose entity has no usable value. `default`: columns take their default, or no value where they
 * have none. `nan`: columns hold no value (NaN, null) even where they have a default. Both set the degraded bits.
 * `dead-letter`: the row fails as `feature_missing`.
 */
export type MissingAction = 'default' | 'nan' | 'dead-letter';

/** What becomes of rows while the store does not answer; `default` and `dead-letter` (`feature_unavailable`) as for missing. */
export type UnavailableAction = 'pause' | 'default' | 'dead-letter';

interface ScatterOptions {
  readonly layout: GroupLayout;
  readonly reader: FeatureReader;
  readonly onMissing: MissingAction;
  readonly onUnavailable: UnavailableAction;
  readonly maxAgeMs?: number;
}

/**
 * Writes what was fetched for one group into the rows.
 * @param available false: the store did not answer; `table` holds nothing
 */
export type Scatter = (rows: Rows, keys: DistinctKeys, table: FeatureTable, available: boolean, nowMs: number) => void;

interface Target {
  readonly column: Column;
  /** Position of the feature in the table. */
  readonly feature: number;
}

/** The columns of one float matrix: position of each in the table, and in the row. */
interface FloatTargets {
  readonly lane: number;
  readonly width: number;
  readonly features: Int32Array;
  readonly slots: Int32Array;
}

function floatTargetsOf(targets: readonly Target[], { floatWidths }: RowLayout): FloatTargets[] {
  const byLane = Map.groupBy(
    targets.filter(({ column }) => column.kind === 'float'),
    ({ column }) => column.lane,
  );
  return Array.from(byLane, ([lane, members]) => ({
    lane,
    width: floatWidths[lane]!,
    features: Int32Array.from(members, ({ feature }) => feature),
    slots: Int32Array.from(members, ({ column }) => column.slot),
  }));
}

/** Resolves columns to table positions once. @throws WeirError `state_invalid` when the reader lacks a feature that a column needs */
export function createScatter(options: ScatterOptions, rowLayout: RowLayout): Scatter {
  const { layout, reader, onMissing, onUnavailable, maxAgeMs } = options;
  const targets = [...layout.columns, ...layout.compared].map((column) => targetOf(column, reader));
  const floats = floatTargetsOf(targets, rowLayout);
  const texts = targets.filter(({ column }) => column.kind === 'string');
  const floatCount = reader.group.floatFeatures.length;
  const messages = messagesOf(layout.name, maxAgeMs);
  // Of each column its index and its place in the table: numbers, then strings.
  const needed = targets.filter(({ column }) => column.index >= 0);
  const typed = needed.map(({ column, feature }) => [column.index, column.kind === 'float' ? feature : floatCount + feature] as const);

  return (rows, keys, table, available, nowMs) => {
    const lane = rows.groupState[layout.index]!;
    if (available && maxAgeMs !== undefined) markStale(table, keys.count, nowMs - maxAgeMs);
    const without = fillStates(rows, lane, keys.keyOfRow, available ? table.state : undefined);
    if (available) scatterValues(rows, lane, keys, table);
    if (available && table.wrongTypes.count > 0) markWrongTypes(rows, keys.keyOfRow, table.wrongTypes, typed);
    // What is only compared has no policy.
    if (without === 0 || needed.length === 0) return;
    for (let row = 0; row < rows.count; row++) {
      const state = lane[row]!;
      if (state === GROUP_HIT || rows.status[row] !== STATUS_OK) continue;
      if (state === GROUP_UNAVAILABLE) {
        if (onUnavailable === 'dead-letter') rows.fail(row, 'feature_unavailable', messages[state]!);
      } else if (onMissing === 'dead-letter') rows.fail(row, 'feature_missing', messages[state]!);
    }
    for (const { column } of needed) degradeColumn(rows, lane, column, rowLayout, onMissing === 'nan');
  };

  function scatterValues(rows: Rows, lane: Uint8Array, keys: DistinctKeys, table: FeatureTable): void {
    for (const target of floats) scatterFloats(rows, lane, keys.keyOfRow, table.floats, floatCount, target);
    for (const { column, feature } of texts) scatterTexts(rows, lane, keys.keyOfRow, table, feature, column.lane);
  }
}

/** Only for batches with such values. @param typed index of each column, and its place in the table */
function markWrongTypes(rows: Rows, keyOfRow: Int32Array, wrongTypes: WrongTypes, typed: readonly (readonly [number, number])[]): void {
  for (const [index, feature] of typed) {
    for (let row = 0; row < rows.count; row++) {
      const key = keyOfRow[row]!;
      if (key >= 0 && rows.status[row] === STATUS_OK && wrongTypes.has(key, feature)) rows.markWrongType(row, index);
    }
  }
}

function targetOf(column: Column, { group }: FeatureReader): Target {
  const name = column.binding.from === 'group' ? column.binding.feature : '';
  const feature = (column.kind === 'float' ? group.floatFeatures : group.stringFeatures).indexOf(name);
  if (feature >= 0) return { column, feature };
  throw new WeirError(
    'state_invalid',
    `The reader of feature group ${group.name} does not read ${name}, which column ${column.name} needs.`,
  );
}

/** One message a state, made once: nothing is built per row, and no message can hold an entity. */
function messagesOf(group: string, maxAgeMs: number | undefined): Record<number, string> {
  return {
    [GROUP_MISS]: `Feature group ${group} has no row for the entity of this record, or the record has no entity.`,
    [GROUP_STALE]: `Feature group ${group} has a row for the entity, but it is older than ${maxAgeMs} ms or of unknown age.`,
    [GROUP_UNAVAILABLE]: `The store of feature group ${group} does not answer.`,
  };
}

/** Turns hits written before `oldestMs`, or at an unknown time, into stale ones. */
function markStale(table: FeatureTable, count: number, oldestMs: number): void {
  const { state, writtenAtMs } = table;
  // Written so that NaN (unknown) counts as too old.
  for (let key = 0; key < count; key++) if (state[key] === GROUP_HIT && !(writtenAtMs[key]! >= oldestMs)) state[key] = GROUP_STALE;
}

/** Gives every ok row its state and returns how many are not hits. `keyStates` undefined: the store did not answer. */
function fillStates(rows: Rows, lane: Uint8Array, keyOfRow: Int32Array, keyStates: Uint8Array | undefined): number {
  let without = 0;
  for (let row = 0; row < rows.count; row++) {
    if (rows.status[row] !== STATUS_OK) continue;
    const key = keyOfRow[row]!;
    // A record without an entity misses whatever the store may say.
    const state = key < 0 ? GROUP_MISS : keyStates === undefined ? GROUP_UNAVAILABLE : keyStates[key]!;
    lane[row] = state;
    if (state !== GROUP_HIT) without++;
  }
  return without;
}

/** Row by row: the floats of an entity lie together in the table, and nearly together in the row. */
function scatterFloats(
  rows: Rows,
  lane: Uint8Array,
  keyOfRow: Int32Array,
  from: Float32Array,
  fromWidth: number,
  { lane: floatLane, width, features, slots }: FloatTargets,
): void {
  const into = rows.floats[floatLane]!;
  const { count } = rows;
  for (let row = 0; row < count; row++) {
    const key = keyOfRow[row]!;
    if (key < 0 || lane[row] !== GROUP_HIT) continue;
    const first = key * fromWidth;
    const at = row * width;
    for (let f = 0; f < features.length; f++) into[at + slots[f]!] = from[first + features[f]!]!;
  }
}

function scatterTexts(rows: Rows, lane: Uint8Array, keyOfRow: Int32Array, table: FeatureTable, feature: number, textLane: number): void {
  const from = table.texts[feature]!;
  const into = rows.texts[textLane]!;
  for (let row = 0; row < rows.count; row++) {
    const key = keyOfRow[row]!;
    if (key < 0 || lane[row] !== GROUP_HIT) continue;
    const size = from.length[key]!;
    if (size >= 0) into.set(row, from.arena, from.start[key]!, size);
  }
}

/** Marks the column of rows without a value and puts the default in, unless missing values are to stay missing. */
function degradeColumn(rows: Rows, lane: Uint8Array, column: Column, layout: RowLayout, missingStays: boolean): void {
  const text = column.kind === 'string' ? rows.texts[column.lane]! : undefined;
  const floats = text ? undefined : rows.floats[column.lane]!;
  const width = text ? 0 : layout.floatWidths[column.lane]!;
  const fallback = column.default;
  let firstText = -1;
  for (let row = 0; row < rows.count; row++) {
    const state = lane[row]!;
    if (state === GROUP_HIT || rows.status[row] !== STATUS_OK) continue;
    rows.degrade(row, column.index);
    if (fallback === undefined || (missingStays && state !== GROUP_UNAVAILABLE)) continue;
    if (floats) floats[row * width + column.slot] = Number(fallback);
    else if (firstText >= 0) text!.alias(row, firstText);
    else {
      text!.setText(row, String(fallback));
      firstText = row;
    }
  }
}
