/** Quantities for people: three significant digits or so, and always a unit where a table does not give it. */

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** Bytes in binary units: `71.1 GiB`, `1.04 GiB`, `63 MiB`, `512 B`. */
export function formatBytes(bytes: number): string {
  const size = Math.abs(bytes);
  // What would round up to 1024 of a unit is one of the next.
  if (size >= GIB - MIB / 2) return `${formatGib(bytes)} GiB`;
  if (size >= MIB - KIB / 2) return `${Math.round(bytes / MIB)} MiB`;
  if (size >= KIB - 0.5) return `${Math.round(bytes / KIB)} KiB`;
  return `${Math.round(bytes)} B`;
}

/** GiB without the unit, with two decimals below 10 and one above. */
export function formatGib(bytes: number): string {
  const value = bytes / GIB;
  return value.toFixed(Math.abs(value) < 9.995 ? 2 : 1);
}

/** Three significant digits at least, no exponent: `2258`, `230`, `31.8`, `5.23`, `0.66`, `0.0412`. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return "-";
  if (size >= 99.95) return value.toFixed(0);
  if (size >= 9.995) return value.toFixed(1);
  if (size >= 0.0995 || size === 0) return value.toFixed(2);
  return value.toFixed(Math.min(100, 2 - Math.floor(Math.log10(size))));
}

/** Milliseconds with the unit. */
export function formatMs(milliseconds: number): string {
  return `${formatNumber(milliseconds)} ms`;
}

/** Seconds with the unit. */
export function formatSeconds(seconds: number): string {
  return `${formatNumber(seconds)} s`;
}

/** A rate in decimal units, as disks and links are sold: `3.00 GB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return bytesPerSecond >= 1e9
    ? `${formatNumber(bytesPerSecond / 1e9)} GB/s`
    : `${formatNumber(bytesPerSecond / 1e6)} MB/s`;
}

/** A count with a letter: `176.2B`, `559.2M`. */
export function formatCount(count: number): string {
  if (count >= 999.95e6) return `${(count / 1e9).toFixed(1)}B`;
  if (count >= 1e6) return `${(count / 1e6).toFixed(1)}M`;
  return String(count);
}

/** `1 cell`, `2 cells`. */
export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : nouns}`;
}
