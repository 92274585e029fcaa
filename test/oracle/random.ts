import { Random as Seeded } from '../../src/core/random.ts';

/** A seeded generator, so that a failing case can be made again from its seed. */
export class Random extends Seeded {
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  shuffled<T>(items: readonly T[]): T[] {
    return this.shuffle([...items]);
  }
}
