/** Where ZeRO stage 3 puts the weights: each parameter in equal parts on every rank, or on the host. */
import { type Diagnostic, hasErrors, type Outcome } from "../../diagnostics/diagnostic.ts";
import { nvmeNeedsPath, offloadOnCpu } from "../../diagnostics/messages/plan.ts";
import type { DsZeroSpec } from "../../language/pipeline.ts";
import { namedParameters } from "../../model/module.ts";
import { elements } from "../../trace/trace.ts";
import { zeroPartitionElements } from "../parallel.ts";
import { DTYPE_BYTES, type StrategyContext } from "../strategy.ts";
import { NVME_BUFFER_ELEMENTS } from "./config.ts";

export interface ZeroWeight {
  readonly name: string;
  /** Full name of the module that owns it. */
  readonly module: string;
  /** The whole parameter, as it is gathered. */
  readonly wholeBytes: number;
  /** This rank's part on the device; 0 when offloaded. */
  readonly deviceBytes: number;
  /** This rank's part in host memory; pinned buffers are rounded up to a power of two. */
  readonly hostBytes: number;
}

export interface ZeroLayout {
  readonly ranks: number;
  readonly weights: readonly ZeroWeight[];
  readonly wholeBytes: number;
  /** Pinned staging buffers of one rank (NVMe). */
  readonly stagingBytes: number;
}

/** Buffers of the parameter swapper: `buffer_count` defaults to 5 (`offload_config.py`). */
const NVME_BUFFER_COUNT = 5;

/** Partitions the weights for one rank; the ranks are alike. */
export function placeZero(spec: DsZeroSpec, context: StrategyContext): Outcome<ZeroLayout> {
  const { hardware, root } = context;
  const diagnostics: Diagnostic[] = [];
  if (spec.offload !== "none" && hardware.device.type === "cpu") {
    diagnostics.push(offloadOnCpu({ offload: spec.offload }, { path: ["offload"] }));
  }
  if (spec.offload === "nvme" && spec.nvmePath === undefined) {
    diagnostics.push(nvmeNeedsPath({}, { path: ["nvmePath"] }));
  }
  if (hasErrors(diagnostics)) return { diagnostics };
  const ranks = hardware.deviceCount * hardware.nodes;
  const elementBytes = DTYPE_BYTES[spec.dtype];
  const weights: ZeroWeight[] = [];
  let wholeBytes = 0;
  for (const named of namedParameters(root)) {
    if (named.parameter.tiedTo !== undefined) continue;
    const bytes = elements(named.parameter.shape) * elementBytes;
    const partBytes = zeroPartitionElements(named, ranks) * elementBytes;
    wholeBytes += bytes;
    weights.push({
      name: named.name,
      module: named.name.slice(0, named.name.lastIndexOf(".")),
      wholeBytes: bytes,
      deviceBytes: spec.offload === "none" ? partBytes : 0,
      hostBytes: spec.offload === "cpu" ? pinned(partBytes, spec.pinMemory) : 0,
    });
  }
  const stagingBytes = spec.offload === "nvme"
    ? NVME_BUFFER_COUNT * NVME_BUFFER_ELEMENTS * elementBytes
    : 0;
  return { value: { ranks, weights, wholeBytes, stagingBytes }, diagnostics };
}

/** PyTorch's pinned-memory cache hands out blocks of powers of two (`CachingHostAllocator`). */
function pinned(bytes: number, pin: boolean): number {
  return pin ? 2 ** Math.ceil(Math.log2(bytes)) : bytes;
}
