/**
 * Reads the header of a safetensors file: eight bytes with the length of a JSON object (little-endian), the
 * object, and then the data that it points into. Everything in it is untrusted.
 *
 * @see https://huggingface.co/docs/safetensors/index#format
 */
import type { CheckpointTensor } from "./types.ts";

/** Bytes before the JSON object. */
export const PREFIX_BYTES = 8;

/** The largest header that the format allows. */
export const MAX_HEADER_BYTES = 100_000_000;

/** Bits of one element. */
const DTYPE_BITS: Readonly<Record<string, number>> = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  I64: 64,
  U64: 64,
  F64: 64,
  C64: 64,
};

/** Bits of one element; 0 for a dtype that the format does not have. */
export function dtypeBits(dtype: string): number {
  return Object.hasOwn(DTYPE_BITS, dtype) ? DTYPE_BITS[dtype] ?? 0 : 0;
}

/** The tensors of a file, or in words why there are none. */
export type HeaderResult =
  | { readonly tensors: readonly CheckpointTensor[] }
  | { readonly problem: string };

/** Length of the JSON object, from the first eight bytes of a file of `fileBytes` bytes. */
export function parseHeaderLength(
  prefix: Uint8Array,
  fileBytes: number,
): { readonly length: number } | { readonly problem: string } {
  if (prefix.length < PREFIX_BYTES) return { problem: "the file is too short for a header" };
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    return { problem: `the header claims ${length} bytes, more than the format allows` };
  }
  if (length > BigInt(fileBytes - PREFIX_BYTES)) {
    return { problem: `the header claims ${length} bytes and the file has ${fileBytes}` };
  }
  return { length: Number(length) };
}

/**
 * Parses the JSON object of a header.
 *
 * @param header The bytes of the object.
 * @param dataBytes Bytes of the file after the header, which the tensors must fill without gaps.
 * @param file File name for the tensors.
 */
export function parseHeader(header: Uint8Array, dataBytes: number, file: string): HeaderResult {
  const entries = parseEntries(header);
  if ("problem" in entries) return entries;
  const tensors: CheckpointTensor[] = [];
  const ranges: (readonly [number, number])[] = [];
  for (const [name, entry] of entries.entries) {
    if (name === "__metadata__") continue;
    const parsed = parseTensor(entry);
    if ("problem" in parsed) return { problem: `tensor ${JSON.stringify(name)} ${parsed.problem}` };
    const { dtype, shape, bytes, begin, end } = parsed;
    tensors.push({ name, dtype, shape, bytes, begin, file });
    ranges.push([begin, end]);
  }
  const gap = findGap(ranges, dataBytes);
  return gap === undefined ? { tensors } : { problem: gap };
}

function parseEntries(
  header: Uint8Array,
): { readonly entries: readonly (readonly [string, unknown])[] } | { readonly problem: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(header));
  } catch {
    return { problem: "its header is not JSON" };
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    return { problem: "its header is not a JSON object" };
  }
  return { entries: Object.entries(parsed) };
}

function parseTensor(entry: unknown):
  | {
    readonly dtype: string;
    readonly shape: readonly number[];
    readonly bytes: number;
    readonly begin: number;
    readonly end: number;
  }
  | { readonly problem: string } {
  if (typeof entry !== "object" || entry === null) return { problem: "is not an object" };
  const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>;
  if (typeof dtype !== "string" || !Object.hasOwn(DTYPE_BITS, dtype)) {
    return { problem: "has an unknown dtype" };
  }
  if (!isSizes(shape)) return { problem: "has a shape that is not a list of sizes" };
  if (!isSizes(offsets) || offsets.length !== 2) return { problem: "has no data_offsets" };
  const [begin = 0, end = 0] = offsets;
  const elements = shape.reduce((product, size) => product * size, 1);
  const bytes = elements * (DTYPE_BITS[dtype] ?? 0) / 8;
  if (!Number.isSafeInteger(bytes)) return { problem: "has a size that is not a number of bytes" };
  if (end - begin !== bytes) {
    return { problem: `takes ${end - begin} bytes where its shape and dtype take ${bytes}` };
  }
  return { dtype, shape, bytes, begin, end };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) &&
    value.every((size) => typeof size === "number" && Number.isSafeInteger(size) && size >= 0);
}

/** The format wants the tensors to cover the data once, without holes. */
function findGap(
  ranges: readonly (readonly [number, number])[],
  dataBytes: number,
): string | undefined {
  const sorted = ranges.toSorted((left, right) => left[0] - right[0] || left[1] - right[1]);
  let reached = 0;
  for (const [begin, end] of sorted) {
    if (begin !== reached) return `its tensors overlap or leave a gap at byte ${reached}`;
    reached = end;
  }
  return reached === dataBytes
    ? undefined
    : `its tensors take ${reached} bytes and the file has ${dataBytes}`;
}
