/** What a generation under accelerate's hooks does: layers run where they are, offloaded ones visit the GPU. */
import type { Execution } from "../../model/family.ts";
import { traceGenerate } from "../../model/generate.ts";
import type { AccelerateSpec } from "../../language/pipeline.ts";
import { Tape } from "../../trace/tape.ts";
import { HOST, type TraceSink } from "../../trace/trace.ts";
import { beginningWith } from "../execution.ts";
import { generationOf } from "../generation.ts";
import { isMapped, MAX_FILE_BYTES } from "../mapped.ts";
import { traceFirstGeneration, traceStart } from "../start.ts";
import type { StrategyContext, Workload } from "../strategy.ts";
import { placeOf } from "./device_map.ts";
import type { AccelerateLayout } from "./place.ts";

/** Writes start, load, prefill and decode of the one process. */
export function traceAccelerate(
  spec: AccelerateSpec,
  context: StrategyContext,
  layout: AccelerateLayout,
  workload: Workload,
  sink: TraceSink,
): void {
  const devices = usedDevices(context);
  for (const device of devices) traceStart(spec.use, context, device, 1, sink);

  sink.beginPhase("load", 0);
  const file = openFile(context, layout, sink);
  for (const { name, bytes, place } of layout.weights) {
    // Offloaded to disk, or to the host out of a mapped file: pages that the system may drop.
    if (place === "disk" || place === "cpu" && isMapped(spec.dtype, context)) continue;
    const device = place === "cpu" ? HOST : place;
    sink.allocate({ device, name, category: "weights", bytes });
  }
  if (file !== undefined) sink.free(file);
  traceGenerate(
    context.family,
    context.shape,
    generationOf(spec, context, workload, 1),
    beginningWith(
      () => traceFirstGeneration(spec, context, devices, sink),
      hooks(layout, context, sink),
    ),
    sink,
  );
}

/** A file that cannot be mapped is in host memory whole while its tensors are moved to where they belong. */
function openFile(
  context: StrategyContext,
  { weights }: AccelerateLayout,
  sink: TraceSink,
): number | undefined {
  if (context.weights === "on-device" || context.behaviours.has("safetensors-mapped")) {
    return undefined;
  }
  const wholeBytes = weights.reduce((sum, { bytes }) => sum + bytes, 0);
  return sink.allocate({
    device: HOST,
    name: "checkpoint file",
    category: "weights",
    bytes: Math.min(wholeBytes, MAX_FILE_BYTES),
  });
}

/** The devices that the one process sees, in order. */
export function usedDevices(context: StrategyContext): number[] {
  if (context.hardware.device.type === "cpu") return [0];
  return Array.from({ length: context.hardware.deviceCount }, (_, index) => index);
}

const DEVICES = new WeakMap<AccelerateLayout, Map<string, number>>();

/** By module, for all traces of a layout. */
function devicesOf(layout: AccelerateLayout): Map<string, number> {
  let devices = DEVICES.get(layout);
  if (devices === undefined) DEVICES.set(layout, devices = new Map());
  return devices;
}

/** AlignDevicesHook: weights kept on the host or disk are copied in and dropped; inputs follow in the forward pass. */
function hooks(
  layout: AccelerateLayout,
  { behaviours }: StrategyContext,
  sink: TraceSink,
): Execution {
  const offloaded = new Map<string, { bytes: number; link: "host" | "disk" }>();
  for (const { module, bytes, place } of layout.weights) {
    // What runs on the host is not offloaded to it.
    if (typeof place === "number" || place === "cpu" && layout.mainDevice === HOST) continue;
    const known = offloaded.get(module)?.bytes ?? 0;
    offloaded.set(module, { bytes: known + bytes, link: place === "cpu" ? "host" : "disk" });
  }
  const tape = new Tape(sink, layout.mainDevice);
  const visiting = new Map<string, number>();

  const devices = devicesOf(layout);
  function deviceOf(module: string): number {
    let device = devices.get(module);
    if (device === undefined) {
      const place = placeOf(layout.map, module);
      devices.set(module, device = typeof place === "number" ? place : layout.mainDevice);
    }
    return device;
  }

  return {
    deviceOf,
    enter(module) {
      const away = offloaded.get(module);
      if (away === undefined) return;
      visiting.set(module, tape.tensor(`${module} (offloaded)`, away.bytes, "weights"));
      sink.run({
        device: deviceOf(module),
        name: "load_offloaded",
        flops: 0,
        bytes: away.bytes,
        launches: 1,
        link: away.link,
        linkBytes: away.bytes,
      });
    },
    leave(module) {
      const handle = visiting.get(module);
      if (handle === undefined) return;
      tape.free(handle);
      visiting.delete(module);
    },
    allReduce: () => {},
    cacheHome: behaviours.has("kv-cache-to-first-gpu") ? layout.mainDevice : undefined,
    lmHeadSplit: false,
  };
}
