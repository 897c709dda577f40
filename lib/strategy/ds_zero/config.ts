/** DeepSpeed's configuration for ZeRO-Inference. */
import type { DsZeroSpec } from "../../language/pipeline.ts";
import type { ModelShape } from "../../model/family.ts";
import type { Layer, LeafSettings } from "./leaves.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The configuration of the 2022 BLOOM scripts: stage 3, bucket sizes from the hidden size, no parameter kept
 * whole; then the user's own keys over it. DeepSpeed's other defaults stand.
 *
 * @param layer What `gather: layer` brings together: while one layer runs, the next one is gathered.
 */
export function zeroConfig(
  spec: DsZeroSpec,
  shape: Pick<ModelShape, "hiddenSize">,
  worldSize: number,
  layer?: Layer,
): JsonObject {
  const square = shape.hiddenSize * shape.hiddenSize;
  const config = {
    ...(spec.dtype === "float16" ? { fp16: { enabled: true } } : {}),
    ...(spec.dtype === "bfloat16" ? { bf16: { enabled: true } } : {}),
    zero_optimization: {
      stage: 3,
      overlap_comm: true,
      contiguous_gradients: true,
      reduce_bucket_size: square,
      // 0.9 h^2 in the scripts; newer DeepSpeed accepts whole numbers only.
      stage3_prefetch_bucket_size: Math.floor(0.9 * square),
      stage3_param_persistence_threshold: 0,
      ...byLayer(spec, worldSize, layer),
      ...offload(spec),
    },
    steps_per_print: 2000,
    train_batch_size: worldSize,
    train_micro_batch_size_per_gpu: 1,
    wall_clock_breakdown: false,
  };
  return merge(config, spec.config ?? {});
}

/**
 * Gathers that have a stream of their own let the host run ahead of a long computation, whose layers then stay in memory
 * until it has passed. On the stream of the computation one collective still runs beside it: that of the next layer.
 * Offloaded parameters are copied beside it, and the host waits for the copies as it is.
 */
function byLayer(
  { gather, offload }: DsZeroSpec,
  worldSize: number,
  layer: Layer | undefined,
): JsonObject {
  if (gather !== "layer" || layer === undefined) return {};
  return {
    overlap_comm: worldSize === 1 || offload !== "none",
    stage3_prefetch_bucket_size: layer.elements,
    leaf_module: { classes: [layer.className] },
  };
}

function offload(spec: DsZeroSpec): JsonObject {
  if (spec.offload === "none") return {};
  if (spec.offload === "cpu") {
    return { offload_param: { device: "cpu", pin_memory: spec.pinMemory } };
  }
  // The scripts' sizes: buffer_size counts elements and must hold the largest parameter.
  return {
    offload_param: {
      device: "nvme",
      pin_memory: spec.pinMemory,
      nvme_path: spec.nvmePath,
      buffer_size: NVME_BUFFER_ELEMENTS,
    },
  };
}

const NVME_BUFFER_ELEMENTS = 4e9;

/** What of the configuration decides memory. Sizes are in elements. */
export interface ZeroSettings {
  /** Whether gathers have a stream of their own. */
  readonly overlaps: boolean;
  readonly prefetchBucket: number;
  readonly maxLive: number;
  readonly maxReuseDistance: number;
  /** Parameters up to this size stay gathered, */
  readonly persistenceThreshold: number;
  /** and together no more than this. */
  readonly modelPersistenceThreshold: number;
  readonly nvmeBufferElements: number;
  readonly nvmeBufferCount: number;
  readonly leaves: LeafSettings;
  /**
   * `memory_efficient_linear`: whether a function of DeepSpeed's own stands in for `F.linear` (zero/linear.py), which adds the
   * bias in the product only where the input is a matrix.
   */
  readonly replacesLinear: boolean;
}

/** Reads the settings that DeepSpeed would read; its defaults are those of zero/config.py and offload_config.py. */
export function zeroSettings(
  spec: DsZeroSpec,
  shape: Pick<ModelShape, "hiddenSize">,
  worldSize: number,
  layer?: Layer,
): ZeroSettings {
  const zero = objectAt(zeroConfig(spec, shape, worldSize, layer), "zero_optimization");
  const offloaded = objectAt(zero, "offload_param");
  const modelPersistence = numberAt(zero, "stage3_model_persistence_threshold", Infinity);
  return {
    overlaps: zero["overlap_comm"] !== false,
    prefetchBucket: numberAt(zero, "stage3_prefetch_bucket_size", 5e7),
    maxLive: numberAt(zero, "stage3_max_live_parameters", 1e9),
    maxReuseDistance: numberAt(zero, "stage3_max_reuse_distance", 1e9),
    persistenceThreshold: numberAt(zero, "stage3_param_persistence_threshold", 1e5),
    modelPersistenceThreshold: Math.floor(modelPersistence / worldSize),
    nvmeBufferElements: numberAt(offloaded, "buffer_size", 1e8),
    nvmeBufferCount: numberAt(offloaded, "buffer_count", 5),
    leaves: leafSettings(zero),
    replacesLinear: zero["memory_efficient_linear"] !== false,
  };
}

/** DeepSpeed's own default classes are those of mixtures of experts, which are not traced. */
function leafSettings(zero: JsonObject): LeafSettings {
  const leaf = objectAt(zero, "leaf_module");
  return {
    classes: wordsAt(leaf, "classes"),
    names: wordsAt(leaf, "names"),
    suffixes: wordsAt(leaf, "name_suffixes"),
    granularity: numberAt(zero, "stage3_module_granularity_threshold", 0),
  };
}

function wordsAt(value: JsonObject, key: string): readonly string[] {
  const found = value[key];
  return (Array.isArray(found) ? found : [found]).filter((each) => typeof each === "string");
}

function objectAt(value: JsonObject, key: string): JsonObject {
  const found = value[key];
  return isObject(found) ? found : {};
}

function numberAt(value: JsonObject, key: string, otherwise: number): number {
  const found = value[key];
  return typeof found === "number" && found >= 0 ? found : otherwise;
}

/** Merges objects key by key; anything else of the second replaces the first's. */
function merge(base: JsonObject, over: JsonObject): JsonObject {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const known = result[key];
    result[key] = isObject(known) && isObject(value) ? merge(known, value) : value;
  }
  return result;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
