/** Numbers as people read them. Bytes are decimal, as download sizes usually are. */

const UNITS = ["B", "kB", "MB", "GB", "TB"];

export function bytes(value: number): string {
  let unit = 0;
  let scaled = value;
  while (scaled >= 999.5 && unit < UNITS.length - 1) {
    scaled /= 1000;
    unit++;
  }
  const digits = unit < 2 || scaled >= 99.95 ? 0 : 1;
  return `${scaled.toFixed(digits)} ${UNITS[unit]}`;
}

export function integer(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** 19500000 -> "19.5M", 1240000000 -> "1.24B". */
export function parameters(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toPrecision(3)}B`;
  return count >= 1e6 ? `${(count / 1e6).toPrecision(3)}M` : integer(count);
}

export function rate(tokensPerSecond: number): string {
  return `${tokensPerSecond >= 100 ? integer(tokensPerSecond) : tokensPerSecond.toFixed(1)} tokens/s`;
}

export function milliseconds(value: number): string {
  return value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} s`;
}

/** Time left, coarse on purpose: a figure that jumps about informs nobody. */
export function timeLeft(seconds: number): string {
  if (seconds < 1.5) return "a moment left";
  if (seconds < 60) return `${Math.round(seconds)} s left`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min left`;
  return `${(seconds / 3600).toFixed(1)} h left`;
}

export function plural(count: number, singular: string): string {
  return `${integer(count)} ${singular}${count === 1 ? "" : "s"}`;
}
