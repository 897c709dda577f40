/**
 * Sizes and choices of PyTorch's CUDA caching allocator (`c10/cuda/CUDACachingAllocator.cpp`). The numbers are the
 * same from 1.8, where the cap by a fraction of the memory came, to 2.11; `expandable_segments` came with 2.1.
 *
 * Everything that the allocator handles is a multiple of 512 B, so it is counted in units of 512 B: a 32-bit
 * integer then reaches 1 TiB.
 */

/** `kMinBlockSize`: every request is rounded up to a multiple of it. */
export const UNIT_BYTES = 512;

/** Units of a power-of-two size. */
const MIB = 2 ** 20 / UNIT_BYTES;

/** `kSmallSize`: the largest request that the small pool serves. */
export const SMALL_UNITS = MIB;
/** `kSmallBuffer`: what a segment of the small pool has. */
export const SMALL_SEGMENT_UNITS = 2 * MIB;
/** `kMinLargeAlloc`: smaller requests of the large pool share segments of `kLargeBuffer`. */
export const SHARED_BELOW_UNITS = 10 * MIB;
/** `kLargeBuffer`. */
export const LARGE_SEGMENT_UNITS = 20 * MIB;
/** `kRoundLarge`: other segments are the request, rounded up to a multiple of it. */
export const SEGMENT_STEP_UNITS = 2 * MIB;

/** The most that is counted; a request beyond it fails like one beyond the memory of the device. */
export const MAX_UNITS = 2 ** 31 - 1;

/** How `PYTORCH_CUDA_ALLOC_CONF` and the device set the allocator up. */
export interface AllocatorOptions {
  /** What the driver can still give: device memory less contexts and libraries. @default Infinity */
  readonly deviceBytes?: number;
  /** Cap of `set_per_process_memory_fraction`. @default Infinity */
  readonly allowedBytes?: number;
  /**
   * Segments that grow page by page instead of one `cudaMalloc` each. The two options below are for fixed segments:
   * PyTorch cannot return a part of an expandable one.
   *
   * @default false
   */
  readonly expandableSegments?: boolean;
  /** `max_split_size_mb`: larger cached blocks are not split. @default Infinity */
  readonly maxSplitBytes?: number;
  /**
   * `garbage_collection_threshold`: share of the allowed bytes above which old cached segments are returned
   * before a new one is made. @default 0 (never)
   */
  readonly garbageCollectionThreshold?: number;
}

/** `round_size`: units that a request takes. */
export function roundedUnits(bytes: number): number {
  if (bytes <= UNIT_BYTES) return 1;
  return Math.min(MAX_UNITS, Math.ceil(bytes / UNIT_BYTES));
}

/** `get_allocation_size`: units of the segment that is made for a request that no cached block can serve. */
export function segmentUnits(units: number): number {
  if (units <= SMALL_UNITS) return SMALL_SEGMENT_UNITS;
  if (units < SHARED_BELOW_UNITS) return LARGE_SEGMENT_UNITS;
  return SEGMENT_STEP_UNITS * Math.ceil(units / SEGMENT_STEP_UNITS);
}
