/** Where ZeRO stage 3 puts the weights: each parameter in equal parts on every rank, or on the host. */
import { type Diagnostic, hasErrors, type Outcome } from "../../diagnostics/diagnostic.ts";
import { nvmeNeedsPath, offloadOnCpu } from "../../diagnostics/messages/plan.ts";
import type { DsZeroSpec } from "../../language/pipeline.ts";
import { namedParameters } from "../../model/module.ts";
import { elements } from "../../trace/trace.ts";
import { zeroPartitionElements } from "../parallel.ts";
import { quantizationProblems } from "../quantization.ts";
import { DTYPE_BYTES, type StrategyContext } from "../strategy.ts";
import { gatherProblems } from "./by_layer.ts";
import { type ZeroSettings, zeroSettings } from "./config.ts";
import type { LiveParameter } from "./coordinator.ts";
import { layerOf, leavesOf } from "./leaves.ts";

export interface ZeroWeight extends LiveParameter {
  /** Full names of the modules that use it; the first owns it. */
  readonly modules: readonly string[];
  readonly wholeBytes: number;
  /** This rank's part, padded. */
  readonly partBytes: number;
  /** What the part takes of the host; pinned buffers are rounded up to a power of two. */
  readonly hostBytes: number;
}

export interface ZeroLayout {
  readonly ranks: number;
  readonly weights: readonly ZeroWeight[];
  readonly wholeBytes: number;
  readonly settings: ZeroSettings;
  /** Modules whose parameters are gathered together. */
  readonly leaves: ReadonlySet<string>;
  /** Pinned staging buffers of one rank (NVMe). */
  readonly stagingBytes: number;
}

/** Partitions the weights for one rank; the ranks are alike. */
export function placeZero(spec: DsZeroSpec, context: StrategyContext): Outcome<ZeroLayout> {
  const { hardware, shape, root, family } = context;
  const diagnostics: Diagnostic[] = [...quantizationProblems(spec, context)];
  if (spec.offload !== "none" && hardware.device.type === "cpu") {
    diagnostics.push(offloadOnCpu({ offload: spec.offload }, { path: ["offload"] }));
  }
  if (spec.offload === "nvme" && spec.nvmePath === undefined) {
    diagnostics.push(nvmeNeedsPath({}, { path: ["nvmePath"] }));
  }
  diagnostics.push(...gatherProblems(spec, context));
  if (hasErrors(diagnostics)) return { diagnostics };
  const ranks = hardware.deviceCount * hardware.nodes;
  const layer = layerOf(root, family.blockName(0));
  const settings = zeroSettings(spec, shape, ranks, layer);
  const weights = partitioned(spec, context, ranks, settings);
  const wholeBytes = weights.reduce((sum, weight) => sum + weight.wholeBytes, 0);
  const largestPart = weights.reduce((most, { partBytes }) => Math.max(most, partBytes), 0);
  const stagingBytes = spec.offload === "nvme" ? nvmeBytes(settings, spec, largestPart) : 0;
  const leaves = leavesOf(root, settings.leaves);
  return { value: { ranks, weights, wholeBytes, settings, leaves, stagingBytes }, diagnostics };
}

function partitioned(
  spec: DsZeroSpec,
  { root }: StrategyContext,
  ranks: number,
  settings: ZeroSettings,
): ZeroWeight[] {
  const elementBytes = DTYPE_BYTES[spec.dtype];
  const users = new Map<string, string[]>();
  for (const { name, parameter } of namedParameters(root)) {
    const owner = parameter.tiedTo ?? name;
    const module = name.slice(0, name.lastIndexOf("."));
    const known = users.get(owner);
    if (known === undefined) users.set(owner, [module]);
    else known.push(module);
  }
  const weights: ZeroWeight[] = [];
  let persistent = 0;
  for (const named of namedParameters(root)) {
    if (named.parameter.tiedTo !== undefined) continue;
    const count = elements(named.parameter.shape);
    const partBytes = zeroPartitionElements(named, ranks) * elementBytes;
    const persists = count <= settings.persistenceThreshold &&
      persistent + count <= settings.modelPersistenceThreshold;
    if (persists) persistent += count;
    weights.push({
      name: named.name,
      elements: count,
      persists,
      modules: users.get(named.name) ?? [],
      wholeBytes: count * elementBytes,
      partBytes,
      hostBytes: spec.offload === "cpu" ? pinned(partBytes, spec.pinMemory) : 0,
    });
  }
  return weights;
}

/** PyTorch's pinned-memory cache hands out blocks of powers of two (`CachingHostAllocator`). */
function pinned(bytes: number, pin: boolean): number {
  return pin ? 2 ** Math.ceil(Math.log2(bytes)) : bytes;
}

/**
 * Buffers of the parameter swapper, allocated as one tensor; one more of the largest part is alive while a parameter
 * is written.
 */
function nvmeBytes(settings: ZeroSettings, spec: DsZeroSpec, largestPart: number): number {
  const bytes = settings.nvmeBufferCount * settings.nvmeBufferElements * DTYPE_BYTES[spec.dtype];
  return bytes + largestPart;
}
