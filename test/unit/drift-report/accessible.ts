import { expect } from 'vitest';
import type { Element } from './windows.ts';

/** Holds a page to what a screen reader needs. */
export function expectAccessible(elements: readonly Element[]): void {
  expect(elements.find(({ name }) => name === 'html')?.attributes['lang']).toBe('en');
  const ids = elements.flatMap(({ attributes }) => attributes['id'] ?? []);
  expect(new Set(ids).size).toBe(ids.length);
  const referred = elements.flatMap(({ attributes }) => attributes['aria-labelledby']?.split(' ') ?? []);
  expect(referred.filter((id) => !ids.includes(id))).toEqual([]);
  expect(elements.filter(({ name, attributes }) => name === 'th' && !attributes['scope'])).toEqual([]);
  expect(elements.filter(({ name, attributes }) => name === 'svg' && attributes['role'] !== 'img')).toEqual([]);
  const levels = elements.flatMap(({ name }) => (/^h[1-6]$/.test(name) ? Number(name[1]) : []));
  expect(levels[0]).toBe(1);
  for (const [i, level] of levels.entries()) expect(level - (levels[i - 1] ?? 0)).toBeLessThanOrEqual(1);
  for (const { parent } of elements.filter(({ name }) => name === 'table')) {
    expect(parent?.attributes).toMatchObject({ role: 'region', tabindex: '0', 'aria-label': expect.any(String) });
  }
}
