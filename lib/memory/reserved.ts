/** The interpreter of reserved memory: every allocation of a trace goes through the caching allocator of its device. */
import { HOST, type Phase, type Tensor, type TraceSink } from "../trace/trace.ts";
import { CachingAllocator } from "./allocator/allocator.ts";
import { NONE } from "./allocator/blocks.ts";
import type { AllocatorOptions } from "./allocator/rules.ts";

/** What a device's allocator says of a generation. */
export interface Reserved {
  /** `max_memory_allocated` over loading. */
  readonly loadPeakAllocatedBytes: number;
  /** `max_memory_allocated` after loading. */
  readonly peakAllocatedBytes: number;
  /** `max_memory_reserved` after loading. */
  readonly peakReservedBytes: number;
  /** Times that all cached segments had to be returned. */
  readonly retries: number;
  /** The request that failed when nothing was left to return; absent when all was served. */
  readonly failure?: { readonly phase: Phase; readonly step: number; readonly bytes: number };
}
