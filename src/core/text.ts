/** A number with separators: `1,200`. */
export function countText(value: number): string {
  return value.toLocaleString('en');
}

/** A number to so many digits that matter: `0.7188`, `1e-9`. */
export function roundText(value: number, digits = 4): string {
  return String(Number(value.toPrecision(digits)));
}
