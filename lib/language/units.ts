/** Quantities with units, read exactly: no rounding through floating point, no unit guessed. */

/** What a number counts once its unit is gone: bytes, bytes a second, seconds, FLOP/s. */
export type QuantityKind = "size" | "rate" | "duration" | "flops";

/** Why a quantity cannot be read. */
export type QuantityProblem =
  | { readonly reason: "malformed" | "negative" | "fraction" | "range" }
  | { readonly reason: "unit"; readonly unit: string };

const BYTES = {
  B: 1n,
  kB: 10n ** 3n,
  KB: 10n ** 3n,
  MB: 10n ** 6n,
  GB: 10n ** 9n,
  TB: 10n ** 12n,
  KiB: 1n << 10n,
  MiB: 1n << 20n,
  GiB: 1n << 30n,
  TiB: 1n << 40n,
};

const UNITS: Readonly<Record<QuantityKind, Readonly<Record<string, bigint>>>> = {
  size: BYTES,
  rate: Object.fromEntries(Object.entries(BYTES).map(([unit, bytes]) => [`${unit}/s`, bytes])),
  duration: { s: 1n, min: 60n, h: 3600n },
  flops: { GFLOPS: 10n ** 9n, TFLOPS: 10n ** 12n, PFLOPS: 10n ** 15n },
};

/** An example of each kind, for messages. */
export const QUANTITY_EXAMPLES: Readonly<Record<QuantityKind, string>> = {
  size: "512GB or 79GiB",
  rate: "3GB/s",
  duration: "10min or 90s",
  flops: "312TFLOPS",
};

const QUANTITY_REGEXP = /^([+-]?)(\d{1,20})(?:\.(\d{1,20}))?\s*([A-Za-z/]{0,12})$/;

/** The units that a kind of quantity accepts, in the order in which a message lists them. */
export function unitsOf(kind: QuantityKind): readonly string[] {
  return Object.keys(UNITS[kind]);
}

/** A regular expression of all texts that `parseQuantity` might accept, for editors. */
export function quantityPattern(kind: QuantityKind): string {
  return `^\\d+(\\.\\d+)?\\s*(${unitsOf(kind).join("|")})?$`;
}

function checked(scaled: bigint, divisor: bigint): number | QuantityProblem {
  if (scaled % divisor !== 0n) return { reason: "fraction" };
  const value = scaled / divisor;
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? { reason: "range" } : Number(value);
}

/**
 * Reads a quantity: `512GB`, `1.5 GiB`, `3GB/s`, `10min`, `312TFLOPS`; a number or a text without a unit counts
 * bytes, seconds or operations.
 *
 * @returns A whole number from 0 to 2^53 - 1, or what is wrong with the text.
 */
export function parseQuantity(
  kind: QuantityKind,
  written: string | number,
): number | QuantityProblem {
  if (typeof written === "number") {
    if (Number.isNaN(written)) return { reason: "malformed" };
    if (written < 0) return { reason: "negative" };
    if (written > Number.MAX_SAFE_INTEGER) return { reason: "range" };
    return Number.isInteger(written) ? Math.abs(written) : { reason: "fraction" };
  }
  const match = QUANTITY_REGEXP.exec(written.length > 64 ? "" : written.trim());
  if (match === null) return { reason: "malformed" };
  const [, sign = "", whole = "", fraction = "", unit = ""] = match;
  const factor = unit === ""
    ? 1n
    : Object.hasOwn(UNITS[kind], unit)
    ? UNITS[kind][unit]
    : undefined;
  if (factor === undefined) return { reason: "unit", unit };
  if (sign === "-") return { reason: "negative" };
  return checked(BigInt(whole + fraction) * factor, 10n ** BigInt(fraction.length));
}

/** A number of devices of a kind. */
export interface DeviceCount {
  readonly count: number;
  readonly kind: string;
}

/** `8x A100-SXM4-80GB` or `2x NVIDIA GeForce RTX 4090`; a kind alone is one device. */
export const DEVICES_PATTERN =
  "^([1-9][0-9]{0,3} ?x ?)?[A-Za-z][A-Za-z0-9._-]{0,62}( [A-Za-z0-9][A-Za-z0-9._-]{0,30}){0,5}$";

const DEVICES_REGEXP = /^(?:(\d+) ?x ?)?(\S.*)$/;

/** Whether a text starts with a count, as no name of the catalog does. */
export function looksLikeDevices(text: string): boolean {
  return /^[+-]?[\d.]+\s*[x×*]/.test(text);
}

/** Whether a text agrees with `DEVICES_PATTERN`. */
export function isDeviceCount(text: string): boolean {
  return new RegExp(DEVICES_PATTERN).test(text);
}

/** Splits a text that agrees with `DEVICES_PATTERN`. */
export function parseDevices(text: string): DeviceCount {
  const match = DEVICES_REGEXP.exec(text);
  return { count: Number(match?.[1] ?? 1), kind: match?.[2] ?? text };
}
