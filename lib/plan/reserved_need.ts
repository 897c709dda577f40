/**
 * What a GPU's allocator reserves for a workload, and the least memory with which the workload would run at all: a
 * request that finds no room makes the allocator return what it caches, so that what it reserves is no need.
 */
import type { AllocatorOptions } from "../memory/allocator/rules.ts";
import type { DeviceReplay, Reserved } from "../memory/reserved.ts";

/** What a device reserves within its capacity. */
export interface ReservedNeed {
  readonly reserved: Reserved;
  /** Bytes that the allocator must be able to get; at most this where nothing was returned. */
  readonly requiredBytes: number;
}

/** What decides how an allocator behaves beside the workload. */
export interface ReservedLimits {
  /** What the allocator can get: the capacity less all that is outside of it. */
  readonly availableBytes: number;
  /** How far off the need may be. */
  readonly marginBytes: number;
  readonly expandableSegments: boolean;
  /**
   * What the driver could give where a worker caps PyTorch's allocator. The cap is asked before the driver is, with the size
   * of a fixed segment: pages that are then mapped may go a little beyond, and addresses are those of the whole device.
   */
  readonly driverBytes?: number;
}

/** How the allocator is set up that can get so much. */
export function allocatorOptions(
  availableBytes: number,
  { expandableSegments, driverBytes }: Omit<ReservedLimits, "availableBytes" | "marginBytes">,
): AllocatorOptions {
  return driverBytes === undefined
    ? { deviceBytes: availableBytes, expandableSegments }
    : { deviceBytes: driverBytes, allowedBytes: availableBytes, expandableSegments };
}

/**
 * Replays a workload within its capacity; where cached memory had to be returned, or a request failed, once or twice
 * more, with less memory or with the margin more, to tell on which side of the capacity the need lies, and how surely.
 *
 * @param leastBytes Sum of the tensors at the fullest moment: less cannot do.
 */
export function reservedNeed(
  replay: Pick<DeviceReplay, "within">,
  batchSize: number,
  leastBytes: number,
  limits: ReservedLimits,
): ReservedNeed {
  const { availableBytes, marginBytes } = limits;
  const run = (bytes: number) => replay.within(batchSize, allocatorOptions(bytes, limits));
  const reserved = run(availableBytes);
  const { failure, peakReservedBytes, retries } = reserved;
  if (failure === undefined) {
    if (retries === 0) return { reserved, requiredBytes: peakReservedBytes };
    const less = availableBytes - marginBytes;
    const fits = (bytes: number) => bytes >= leastBytes && run(bytes).failure === undefined;
    // Halfway to what no allocator can do without: mostly enough, and then nothing else need be asked.
    const half = (leastBytes + availableBytes) / 2;
    if (half < less && fits(half)) return { reserved, requiredBytes: half };
    return { reserved, requiredBytes: fits(less) ? less : availableBytes - marginBytes / 2 };
  }
  const more = availableBytes + marginBytes;
  if (leastBytes <= more && run(more).failure === undefined) {
    return { reserved, requiredBytes: availableBytes + marginBytes / 2 };
  }
  const asked = failure.reservedBytes + failure.segmentBytes;
  return { reserved, requiredBytes: Math.max(leastBytes, more, asked) };
}

/**
 * On which side of the capacity the need lies, from one replay: `reservedNeed` never says the other side. How far off it is
 * is told but roughly.
 */
export function nearNeed(
  replay: Pick<DeviceReplay, "within">,
  batchSize: number,
  leastBytes: number,
  limits: ReservedLimits,
): ReservedNeed {
  const { availableBytes, marginBytes } = limits;
  const reserved = replay.within(batchSize, allocatorOptions(availableBytes, limits));
  const { failure, peakReservedBytes, retries } = reserved;
  if (failure === undefined) {
    if (retries === 0) return { reserved, requiredBytes: peakReservedBytes };
    const half = (leastBytes + availableBytes) / 2;
    return { reserved, requiredBytes: Math.min(half, availableBytes - marginBytes / 2) };
  }
  const asked = failure.reservedBytes + failure.segmentBytes;
  const beyond = availableBytes + marginBytes / 2;
  return { reserved, requiredBytes: Math.max(leastBytes, asked, beyond) };
}
