/**
 * Which values of a feature table are there but not of the type that is wanted. Costs nothing while there are none: a flag a value, made
 * at the first one.
 */
export class WrongTypes {
  /** Values noted since `clear`; 0: there is nothing to look at. */
  count = 0;
  private readonly features: number;
  private flags = new Uint8Array(0);

  /** @param features values of an entity */
  constructor(features: number) {
    this.features = features;
  }

  /** Forgets all. */
  clear(): void {
    if (this.count > 0) this.flags.fill(0);
    this.count = 0;
  }

  /** Notes a value. @param feature position among the numbers, or behind them that among the strings */
  note(entity: number, feature: number): void {
    const at = entity * this.features + feature;
    if (at >= this.flags.length) {
      const grown = new Uint8Array(Math.max(at + 1, (entity + 1) * this.features, 2 * this.flags.length));
      grown.set(this.flags);
      this.flags = grown;
    }
    this.flags[at] = 1;
    this.count++;
  }

  /** Notes all values of an entity: what is there cannot be read at all. */
  noteAll(entity: number): void {
    for (let feature = 0; feature < this.features; feature++) this.note(entity, feature);
  }

  /** True when the value was noted. */
  has(entity: number, feature: number): boolean {
    return this.flags[entity * this.features + feature] === 1;
  }
}
