import { Random as Seeded } from '../../src/core/random.ts';

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export type Random = () => number;

/** A generator of its own for each seed. */
export function randomFrom(seed: number): Random {
  const random = new Seeded(seed);
  return () => random.next();
}

/** A whole number from `from` to `to`, both included. */
export function wholeBetween(random: Random, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1));
}

/** A seed that depends on all of its parts, so that neighbours have nothing in common. */
export function seedOf(...parts: readonly number[]): number {
  let seed = 0x9e3779b9;
  for (const part of parts) seed = Math.imul(seed ^ part, 0x85ebca6b) ^ (seed >>> 13);
  return seed;
}
