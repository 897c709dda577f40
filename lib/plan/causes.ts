/** Why a device or a host does not hold a cell, in words that name what fills it and the reason why it is there. */
import { findBehaviour, rangeText } from "../catalog/behaviours.ts";
import type { TracedSpec } from "../language/pipeline.ts";
import type { Peak } from "../memory/peak.ts";
import type { ModelShape } from "../model/family.ts";
import { formatBytes, plural } from "../report/bytes.ts";
import type { HostPrediction, Limit } from "./prediction.ts";

/** What a cause may tell beside the numbers. */
export interface CauseFacts {
  readonly use: TracedSpec["use"];
  readonly deviceType: "gpu" | "cpu";
  readonly shape: ModelShape;
  readonly behaviours: ReadonlySet<string>;
  readonly ranks: number;
  readonly devices: number;
  /** Bytes of the KV cache of all layers and heads at its longest. */
  readonly wholeKvBytes: number;
  /** Scores of eager attention over the prompt and their probabilities in float32, on one rank; 0 with other attention. */
  readonly scoresBytes: number;
  /** Whether the family could do without them. */
  readonly hasSdpa: boolean;
  /** Whether offloaded weights are in pinned memory. */
  readonly pinned: boolean;
}

/** Terms below this part of the need are not told. */
const SMALL_PART = 0.005;

/**
 * `GPU 0 needs 88.6 GiB of 79.1 GiB in decode: the KV cache 47.8 GiB, ...`, the heaviest first.
 *
 * @param facts Without them the terms have no reasons.
 */
export function deviceCause(
  index: number,
  peak: Peak,
  { needBytes, haveBytes, phase }: Limit,
  facts?: CauseFacts,
): string {
  const { byCategory } = peak;
  const terms: [string, number][] = [
    [`weights${because(weightsReason(facts))}`, byCategory.weights],
    [`KV cache${because(kvReason(byCategory.kv, index, facts))}`, byCategory.kv],
    [
      `activations${because(scoresReason(byCategory.activation, phase, facts))}`,
      byCategory.activation,
    ],
    ["context and libraries", byCategory.context],
    [`workspace${because(workspaceReason(facts))}`, byCategory.workspace],
    [`${communicationName(facts)}`, byCategory.communication],
    ["held by the allocator beyond them", needBytes - peak.bytes],
  ];
  const owner = facts?.deviceType === "gpu" ? `GPU ${index}` : `device ${index}`;
  return `${owner} needs ${formatBytes(needBytes)} of ${formatBytes(haveBytes)} in ${phase}: ` +
    terms.filter(([, bytes]) => bytes > SMALL_PART * needBytes)
      .sort(([, a], [, b]) => b - a)
      .map(([name, bytes]) => `${name} ${formatBytes(bytes)}`)
      .join(", ");
}

/** `the host needs 2633 GiB of 477 GiB: 8 ranks with 329 GiB each, ...`. */
export function hostCause(
  host: HostPrediction,
  { needBytes, haveBytes }: Limit,
  facts?: CauseFacts,
): string {
  const { perRankBytes, pinnedBytes } = host;
  const ranks = Math.max(1, Math.round(host.peakBytes.mid / perRankBytes));
  const pinned = pinnedBytes > 0 ? `, of it ${formatBytes(pinnedBytes)} pinned` : "";
  return `the host needs ${formatBytes(needBytes)} of ${formatBytes(haveBytes)}: ` +
    `${plural(ranks, "rank")} with ${formatBytes(perRankBytes)} each${pinned}` +
    because(hostReason(pinnedBytes, facts));
}

/** Whether two causes differ in nothing but the index of the device. */
export function sameTerms(a: string, b: string): boolean {
  const terms = (cause: string) => cause.replace(/^(device|GPU) \d+ /, "device ");
  return terms(a) === terms(b);
}

function because(reason: string | undefined): string {
  return reason === undefined ? "" : ` (${reason})`;
}

function kvReason(bytes: number, index: number, facts?: CauseFacts): string | undefined {
  if (facts === undefined || facts.wholeKvBytes === 0) return undefined;
  const { use, behaviours, ranks, devices, shape, wholeKvBytes } = facts;
  const copies = bytes / wholeKvBytes;
  const layers = plural(shape.layers, "layer");
  if (use === "accelerate" && behaviours.has("kv-cache-to-first-gpu") && devices > 1) {
    if (index !== 0 || copies < 0.9) return undefined;
    const moved = copies > 1.5 ? `, ${times(copies)} while it is moved` : "";
    return `of all ${layers}${moved}; ${
      versions("kv-cache-to-first-gpu")
    } returns it to the first GPU`;
  }
  if (use === "ds-zero" && ranks > 1) {
    return `of all ${layers} and heads: ZeRO cuts weights, and every rank serves a batch of its own`;
  }
  const ownCopies = copies * (use === "ds-inference" ? ranks : 1);
  return ownCopies > 1.5 && devices === 1 || use === "ds-inference" && ownCopies > 1.5
    ? `${times(ownCopies)} while each step replaces it`
    : undefined;
}

function times(copies: number): string {
  const rounded = Math.round(copies);
  return rounded === 2 ? "twice" : `${rounded} times`;
}

/** What scores make most of, they explain. */
function scoresReason(bytes: number, phase: string, facts?: CauseFacts): string | undefined {
  if (facts === undefined || phase === "decode" || 2 * facts.scoresBytes < bytes) return undefined;
  const without = facts.hasSdpa ? ", which sdpa does without" : "";
  return `mostly scores of eager attention${without}`;
}

function weightsReason(facts?: CauseFacts): string | undefined {
  return facts?.use === "ds-inference" && facts.ranks > 1
    ? "the embedding whole on every rank"
    : undefined;
}

function workspaceReason(facts?: CauseFacts): string | undefined {
  return facts === undefined ? undefined : first(facts, [
    ["kernel-workspace-128-tokens", "of the fused kernels, for 128 tokens of every sequence"],
    [
      "kernel-workspace-by-free-memory",
      "of the fused kernels, for max_out_tokens of each sequence",
    ],
  ]);
}

function first(
  { use, behaviours }: CauseFacts,
  reasons: readonly (readonly [string, string])[],
): string | undefined {
  if (use !== "ds-inference") return undefined;
  return reasons.find(([name]) => behaviours.has(name))?.[1];
}

function communicationName(facts?: CauseFacts): string {
  return facts?.use === "ds-zero" ? "gathered parameters" : "communication";
}

function hostReason(pinnedBytes: number, facts?: CauseFacts): string | undefined {
  if (facts === undefined) return undefined;
  if (facts.use === "ds-zero" && pinnedBytes > 0 && facts.pinned) {
    return "pinned buffers are rounded up to powers of two";
  }
  if (
    facts.use === "ds-inference" && facts.ranks > 1 &&
    facts.behaviours.has("tensor-parallel-loads-whole-model")
  ) {
    return "each rank may load the whole model before it is cut";
  }
  return undefined;
}

/** `accelerate <0.20.0`: the versions that a behaviour holds in. */
function versions(name: string): string {
  const behaviour = findBehaviour(name);
  return behaviour === undefined ? name : rangeText(behaviour);
}
