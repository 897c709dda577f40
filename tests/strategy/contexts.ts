/** What a strategy is given, made by hand. */
import { behavioursOf } from "../../lib/catalog/behaviours.ts";
import { resolveStack } from "../../lib/catalog/stack.ts";
import type { Device, Hardware } from "../../lib/catalog/types.ts";
import type { AccelerateSpec, DsInferenceSpec, DsZeroSpec } from "../../lib/language/pipeline.ts";
import { bloom } from "../../lib/model/bloom.ts";
import type { ModelShape } from "../../lib/model/family.ts";
import type { StrategyContext } from "../../lib/strategy/strategy.ts";
import { bloomShape } from "../model/shapes.ts";

/** A GPU with round numbers. */
export const GPU: Device = {
  kind: "test-gpu",
  type: "gpu",
  memoryBytes: 80e9,
  bandwidthBytesPerSecond: 1e12,
  flops: { float16: 1e14, bfloat16: 1e14, float32: 1e13 },
  linkBytesPerSecond: 1e11,
  hostLinkBytesPerSecond: 1e10,
};

/** One worker process. */
export const CPU: Device = { ...GPU, kind: "cpu", type: "cpu", memoryBytes: null };

/** Four layers of width 64: 200 K parameters in layers, 64 K in the embedding. */
export const SHAPE: ModelShape = bloomShape({
  vocab_size: 1000,
  hidden_size: 64,
  n_layer: 4,
  n_head: 4,
});

/** A context of `deviceCount` devices on each of the nodes. */
export function strategyContext(
  changes: Partial<Hardware> & {
    shape?: ModelShape;
    use?: StrategyContext["use"];
    /** Name, or versions that differ from the current ones. */
    stack?: string | Readonly<Record<string, string>>;
    weights?: StrategyContext["weights"];
  } = {},
): StrategyContext {
  const { shape = SHAPE, use = "accelerate", stack: chosen = "current", ...rest } = changes;
  const { weights = "random", ...hardware } = rest;
  const device = hardware.device ?? GPU;
  const stack = resolveStack(
    typeof chosen === "string" ? { name: chosen } : { versions: chosen },
  ).value;
  if (stack === undefined) throw new Error(`There is no stack ${chosen}`);
  return {
    use,
    family: bloom,
    shape,
    root: bloom.modules(shape),
    hardware: { nodes: 1, deviceCount: 2, device, memoryBytes: 512e9, ...hardware },
    stack,
    behaviours: behavioursOf(stack),
    weights,
    deviceCapacityBytes: device.memoryBytes,
    hostCapacityBytes: hardware.memoryBytes ?? 512e9,
  };
}

const COMMON = {
  dtype: "float16",
  attention: "eager",
  cache: "dynamic",
  allocator: "native",
  decode: "eager",
} as const;

/** Accelerate with its defaults. */
export function accelerateSpec(changes: Partial<AccelerateSpec> = {}): AccelerateSpec {
  return { ...COMMON, use: "accelerate", name: "accelerate", deviceMap: "auto", ...changes };
}

/** DeepSpeed-Inference with its defaults. */
export function dsInferenceSpec(changes: Partial<DsInferenceSpec> = {}): DsInferenceSpec {
  return {
    ...COMMON,
    use: "ds-inference",
    name: "ds-inference",
    kernelInject: false,
    checkpoint: "unsharded",
    ...changes,
  };
}

/** ZeRO-Inference with its defaults. */
export function dsZeroSpec(changes: Partial<DsZeroSpec> = {}): DsZeroSpec {
  return {
    ...COMMON,
    use: "ds-zero",
    name: "ds-zero",
    offload: "none",
    pinMemory: true,
    ...changes,
  };
}
