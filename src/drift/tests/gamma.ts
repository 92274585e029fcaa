/**
 * Upper tails of the chi-square and the normal distribution. Computed as tails, never as 1 − cdf, which is 0 for
 * χ² = 100 at 5 degrees of freedom (the true value is 5e-20).
 */

/** ln Γ(a) for a > 0: recurrence up to 16, then Stirling's series (Abramowitz & Stegun 6.1.41). */
export function logGamma(a: number): number {
  let product = 1;
  let x = a;
  while (x < 16) product *= x++;
  const r = 1 / (x * x);
  const series = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r * (1 / 1188 - (r * 691) / 360360))))) / x;
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series - Math.log(product);
}

/**
 * Regularised upper incomplete gamma function Q(a, x) = Γ(a, x)/Γ(a); a > 0, x ≥ 0.
 * Series below a + 1, else Lentz's continued fraction (Numerical Recipes 6.2), so that far tails keep their relative error.
 */
export function gammaQ(a: number, x: number): number {
  if (!(a > 0) || !(x >= 0)) return Number.NaN;
  if (x === 0) return 1;
  if (x === Number.POSITIVE_INFINITY) return 0;
  const logFactor = a * Math.log(x) - x - logGamma(a);
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let k = 1; term > sum * 1e-17; k++) {
      term *= x / (a + k);
      sum += term;
    }
    return Math.max(0, 1 - sum * Math.exp(logFactor));
  }
  const tiny = 1e-300;
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let h = d;
  for (let i = 1; i < 100_000; i++) {
    const numerator = -i * (i - a);
    b += 2;
    d = numerator * d + b;
    if (Math.abs(d) < tiny) d = tiny;
    c = b + numerator / c;
    if (Math.abs(c) < tiny) c = tiny;
    d = 1 / d;
    const factor = d * c;
    h *= factor;
    if (Math.abs(factor - 1) < 1e-16) break;
  }
  return Math.exp(logFactor) * h;
}

/** P(χ² ≥ x) with `dof` degrees of freedom. */
export function chiSquareTail(x: number, dof: number): number {
  return gammaQ(dof / 2, x / 2);
}

/** P(Z ≥ z) of the standard normal distribution. */
export function normalTail(z: number): number {
  const tail = gammaQ(0.5, (z * z) / 2) / 2;
  return z >= 0 ? tail : 1 - tail;
}
