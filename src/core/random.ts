/** A small seeded generator (mulberry32): the same seed gives the same events, so that two runs can be compared. */
export class Random {
  private state: number;

  /** @param seed any number; the low 32 bits count */
  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Whole number in [0, count). */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** Puts the items into an order of chance (Fisher-Yates), in place. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [items[i], items[j]] = [items[j]!, items[i]!];
    }
    return items;
  }
}

/**
 * Ranks in [0, count), skewed as users and products are: rank r comes up in proportion to 1 / (r + 1)^exponent. By
 * inversion of the cumulative sums.
 */
export class Zipf {
  private readonly cumulative: Float64Array;
  private readonly random: Random;

  /** @param exponent 0.99 is what YCSB draws with (Cooper et al., SoCC 2010) */
  constructor(count: number, exponent: number, random: Random) {
    this.cumulative = new Float64Array(count);
    this.random = random;
    let sum = 0;
    for (let rank = 0; rank < count; rank++) {
      sum += 1 / (rank + 1) ** exponent;
      this.cumulative[rank] = sum;
    }
  }

  next(): number {
    const { cumulative } = this;
    let high = cumulative.length - 1;
    const target = this.random.next() * cumulative[high]!;
    let low = 0;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cumulative[middle]! < target) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
