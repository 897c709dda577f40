/**
 * How the weights of a DeepSpeed-Inference rank come to be where they are. Where AutoTP cuts a model that has no values
 * yet, each rank fills its share (load_cut.ts); else `from_pretrained` loads all of it and `init_inference`
 * (deepspeed/inference/engine.py) cuts the layers or replaces them by kernels and moves the rest.
 */
import type { DsInferenceSpec } from "../../language/pipeline.ts";
import { Tape } from "../../trace/tape.ts";
import { HOST, type TraceSink } from "../../trace/trace.ts";
import { isMapped, MAX_FILE_BYTES } from "../mapped.ts";
import type { StrategyContext } from "../strategy.ts";
import { fillsShare, traceFilling } from "./load_cut.ts";
import type { DsInferenceLayout, ShardedWeight } from "./place.ts";

/** Parts into which DeepSpeed saves the layers of one rank (`num_partitions` of replace_module.py). */
const SAVED_PARTITIONS = 8;

/** Bytes that all ranks together read. */
export function checkpointReadBytes(
  spec: DsInferenceSpec,
  context: StrategyContext,
  layout: DsInferenceLayout,
): number {
  if (context.weights === "on-device") return 0;
  const readsShare = spec.checkpoint === "presharded" || fillsShare(spec, context, layout);
  return (readsShare ? sum(layout.weights, "bytes") : layout.wholeBytes) * layout.ranks;
}

/** Writes the load phase of rank 0. */
export function traceLoad(
  spec: DsInferenceSpec,
  context: StrategyContext,
  layout: DsInferenceLayout,
  sink: TraceSink,
): void {
  sink.beginPhase("load", 0);
  const isCpu = context.hardware.device.type === "cpu";
  const device = new Tape(sink, 0);
  const host = new Tape(sink, HOST);
  if (fillsShare(spec, context, layout)) {
    traceFilling(spec, context, layout, device, host);
    return;
  }
  const byFile = spec.checkpoint === "presharded" ||
    spec.kernelInject && context.behaviours.has("kernel-injection-loads-by-file");
  if (byFile) {
    loadByFile(spec, layout, device, host);
  } else if (isCpu && context.weights !== "on-device") {
    loadOnCpu(layout, device);
  } else if (context.weights === "on-device") {
    const whole = construct(layout, device);
    if (spec.kernelInject) injectKernels(context, layout, device, device, whole);
    else cutLayers(layout, device, whole);
  } else {
    loadFromHost(spec, context, layout, device, host);
  }
}

/** Each file is in host memory while its parts are copied to the device; the model itself was on meta. */
function loadByFile(
  spec: DsInferenceSpec,
  layout: DsInferenceLayout,
  device: Tape,
  host: Tape,
): void {
  const layers = layout.weights.filter(({ layer }) => layer !== undefined);
  const others = layout.weights.filter(({ layer }) => layer === undefined);
  const fileBytes = spec.checkpoint === "presharded"
    ? Math.max(sum(layers, "bytes") / SAVED_PARTITIONS, sum(others, "bytes"))
    : Math.min(layout.wholeBytes, MAX_FILE_BYTES);
  const file = host.tensor("checkpoint file", fileBytes, "weights");
  for (const { name, bytes } of layout.weights) {
    if (bytes > 0) device.tensor(name, bytes, "weights");
  }
  host.free(file);
}

/** The whole model on the device, filled where it will be cut; a tied head shares its tensor from the start. */
function construct(layout: DsInferenceLayout, device: Tape): Map<string, number> {
  return new Map(
    layout.weights.filter(({ isTied }) => !isTied).map(({ name, wholeBytes }) => [
      name,
      device.tensor(`${name} (whole)`, wholeBytes, "weights"),
    ]),
  );
}

/** Each part is copied out of its parameter, which is freed before the next one is cut. */
function cutLayers(layout: DsInferenceLayout, device: Tape, whole: Map<string, number>): void {
  for (const { name, bytes, wholeBytes, isTied } of layout.weights) {
    const handle = whole.get(name);
    if (bytes === 0 || bytes === wholeBytes && !isTied) continue;
    // LmHeadLinearAllreduce clones a tied head whole before it cuts it.
    const source = isTied ? device.tensor(`${name} (clone)`, wholeBytes, "weights") : handle;
    device.tensor(name, bytes, "weights");
    if (source !== undefined) device.free(source);
  }
}

/**
 * One process is device and host at once. The whole model stays mapped, or in memory where it had to be converted,
 * because what is not cut goes on using its file; what is cut is copied.
 */
function loadOnCpu(layout: DsInferenceLayout, device: Tape): void {
  device.tensor("model as loaded", layout.wholeBytes, "weights");
  for (const { name, bytes, wholeBytes, isTied } of layout.weights) {
    if (bytes !== 0 && (bytes !== wholeBytes || isTied)) device.tensor(name, bytes, "weights");
  }
}

/**
 * From files that are mapped, not read: host memory holds what is converted to another dtype, and what is changed in
 * place; the device gets the rank's parts.
 */
function loadFromHost(
  spec: DsInferenceSpec,
  context: StrategyContext,
  layout: DsInferenceLayout,
  device: Tape,
  host: Tape,
): void {
  const whole = isMapped(spec.dtype, context)
    ? undefined
    : host.tensor("unsharded model", layout.wholeBytes, "weights");
  if (spec.kernelInject) {
    injectKernels(context, layout, device, host, undefined);
  } else {
    for (const { name, bytes } of layout.weights) {
      if (bytes > 0) device.tensor(name, bytes, "weights");
    }
  }
  if (whole !== undefined) host.free(whole);
}

/**
 * The layers are made anew on the device, one after the other, from originals on `source`. The matrices are
 * transposed in place first, through a temporary copy; on a mapped file that makes the pages private.
 *
 * @param originals Handles of the whole parameters where they are on the device.
 */
function injectKernels(
  { behaviours, shape }: StrategyContext,
  layout: DsInferenceLayout,
  device: Tape,
  source: Tape,
  originals: Map<string, number> | undefined,
): void {
  const inLayers = layout.weights.filter(({ layer }) => layer !== undefined);
  const transposed: number[] = [];
  const kept = behaviours.has("kernel-injection-keeps-first-layer");
  for (let layer = 0; layer < shape.layers; layer++) {
    const parameters = inLayers.filter((weight) => weight.layer === layer);
    const made = parameters.map((weight) => ({
      weight,
      handle: device.tensor(weight.name, weight.bytes, "weights"),
    }));
    if (layer === 0 && behaviours.has("kernel-injection-merge-buffers")) {
      for (const { name, bytes } of mergeBuffers(parameters)) {
        device.tensor(name, bytes, "workspace");
      }
    }
    const matrices = parameters.filter(({ isMatrix }) => isMatrix);
    for (const { name, wholeBytes } of matrices) {
      if (originals === undefined) {
        transposed.push(source.tensor(`${name} (transposed)`, wholeBytes, "weights"));
      }
      source.free(source.tensor(`${name} (copy to transpose)`, wholeBytes, "weights"));
    }
    for (const { weight, handle } of made) {
      // A vector that is not cut is taken over, not copied.
      const original = originals?.get(weight.name);
      if (original === undefined || weight.isMatrix || weight.bytes !== weight.wholeBytes) continue;
      device.free(handle);
      originals?.delete(weight.name);
    }
  }
  for (const { name, layer, isMatrix } of inLayers) {
    const original = originals?.get(name);
    if (original !== undefined && !(kept && layer === 0 && isMatrix)) device.free(original);
  }
  source.free(...transposed);
  if (originals !== undefined) return;
  for (const { name, bytes, layer } of layout.weights) {
    if (layer === undefined && bytes > 0) device.tensor(name, bytes, "weights");
  }
}

/**
 * Buffers for a fused projection of the rank and for the first MLP matrix: those that are cut by their outputs, with
 * their biases.
 */
function mergeBuffers(layer: readonly ShardedWeight[]): { name: string; bytes: number }[] {
  const buffers: { name: string; bytes: number }[] = [];
  for (const pattern of [/attention\.|attn\./, /mlp\.|fc1\./]) {
    const parts = layer.filter(({ name }) => pattern.test(name));
    const [matrix] = parts.filter(({ isMatrix }) => isMatrix);
    const bias = parts.find(({ name }) => name === matrix?.name.replace(/weight$/, "bias"));
    for (const part of [matrix, bias]) {
      if (part) buffers.push({ name: `buffer like ${part.name}`, bytes: part.bytes });
    }
  }
  return buffers;
}

function sum(weights: readonly ShardedWeight[], what: "bytes" | "wholeBytes"): number {
  return weights.reduce((total, weight) => total + weight[what], 0);
}
