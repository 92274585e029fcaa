import { describe, expect, it } from 'vitest';
import { styleSheet, THEMES } from '../../../src/drift-report/style.ts';

/** Relative luminance of WCAG 2.2. */
function luminanceOf(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrastOf(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminanceOf(a), luminanceOf(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

describe.each(Object.entries(THEMES))('the %s theme', (_, theme) => {
  it('has the contrast of WCAG AA for text: 4.5', () => {
    for (const { background, text } of [theme.page, theme.none, ...theme.levels])
      expect(contrastOf(background, text)).toBeGreaterThanOrEqual(4.5);
    for (const text of [theme.muted, theme.focus, theme.drift, theme.warn]) {
      expect(contrastOf(theme.page.background, text), text).toBeGreaterThanOrEqual(4.5);
    }
  });

  it('has the contrast of WCAG AA for what is drawn: 3', () => {
    for (const colour of [theme.line, theme.focus, theme.reference, theme.current]) {
      expect(contrastOf(theme.page.background, colour), colour).toBeGreaterThanOrEqual(3);
    }
  });

  it('goes from blue to orange, which colour-blind people tell apart', () => {
    const isBlue = ({ background }: { readonly background: string }): boolean =>
      Number.parseInt(background.slice(5, 7), 16) > Number.parseInt(background.slice(1, 3), 16);
    expect([theme.levels[0]!, theme.levels[1]!].map(isBlue)).toEqual([true, true]);
    expect(theme.levels.slice(3).map(isBlue)).toEqual([false, false, false]);
  });
});

describe('styleSheet', () => {
  it('uses no colour that is not in the themes, and defines what it uses', () => {
    const css = styleSheet();
    const [, rules = ''] = css.split(/^\* \{/m);
    expect(rules).not.toMatch(/#[0-9a-f]{3,8}\b|rgb|hsl/);
    const used = new Set([...rules.matchAll(/var\((--[a-z0-9-]+)\)/g)].map(([, name]) => name!));
    const [light = '', dark = ''] = css.split('prefers-color-scheme');
    for (const name of used) {
      expect(light).toContain(`${name}: #`);
      expect(dark).toContain(`${name}: #`);
    }
    expect(used.size).toBeGreaterThan(15);
  });
});
