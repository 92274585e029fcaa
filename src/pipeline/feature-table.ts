import { BytesColumn } from '../core/bytes-column.ts';
import type { FeatureGroup, FeatureTable } from '../core/ports.ts';
import { WrongTypes } from '../core/wrong-types.ts';

/** A `FeatureTable` that is used again for every batch and grows with the largest one. */
export class FeatureTableBuffer implements FeatureTable {
  floats: Float32Array;
  texts: BytesColumn[];
  state: Uint8Array;
  writtenAtMs: Float64Array;
  readonly wrongTypes: WrongTypes;
  private readonly group: FeatureGroup;

  /** @param capacity entities it has room for before it grows */
  constructor(group: FeatureGroup, capacity: number) {
    this.group = group;
    this.floats = new Float32Array(capacity * group.floatFeatures.length);
    this.texts = group.stringFeatures.map(() => new BytesColumn(capacity));
    this.state = new Uint8Array(capacity);
    this.writtenAtMs = new Float64Array(capacity);
    this.wrongTypes = new WrongTypes(group.floatFeatures.length + group.stringFeatures.length);
  }

  /** Makes room for this many entities. What was in the table may be lost. */
  reserve(entities: number): void {
    if (entities <= this.state.length) return;
    const capacity = Math.max(entities, this.state.length * 2);
    this.floats = new Float32Array(capacity * this.group.floatFeatures.length);
    this.texts = this.group.stringFeatures.map(() => new BytesColumn(capacity));
    this.state = new Uint8Array(capacity);
    this.writtenAtMs = new Float64Array(capacity);
  }
}
