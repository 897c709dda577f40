/** Traces as signed bytes, and the same of real modules, for comparing the two event by event. */
import type { HfConfig } from "../../lib/language/pipeline.ts";
import { traceGenerate } from "../../lib/model/generate.ts";
import { namedParameters } from "../../lib/model/module.ts";
import { findFamily } from "../../lib/model/registry.ts";
import { runtimeOf } from "../../lib/model/runtime.ts";
import { plainExecution } from "../../lib/strategy/execution.ts";
import { Recorder } from "../trace/recorder.ts";

/** One generation by a model of random weights. */
export interface AllocationCase {
  readonly config: HfConfig & { readonly model_type: string };
  readonly attention: "eager" | "sdpa";
  readonly cache: "dynamic" | "static";
  readonly dtype: "float32";
  readonly batch: number;
  readonly promptTokens: number;
  readonly newTokens: number;
  /** Events of fewer bytes are left out: wrapped Python numbers are tensors on a CPU only. */
  readonly leastBytes: number;
}

/** Parameters in order, and the bytes of every allocation (positive) and free (negative) in order. */
export interface Allocations {
  readonly parameters: readonly (readonly [name: string, shape: readonly number[]])[];
  readonly events: readonly number[];
}

/** What the trace says of a case, for a version of transformers. */
export function traced(each: AllocationCase, transformers: string): Allocations {
  const family = findFamily(each.config.model_type);
  const shape = family?.shape(each.config).value;
  if (family === undefined || shape === undefined) {
    throw new Error(`no shape of ${JSON.stringify(each.config)}`);
  }
  const stack = { name: "test", versions: { torch: "2.13.0", transformers }, runnable: false };
  const runtime = runtimeOf(each, { kind: "cpu", type: "cpu" }, stack);
  const { batch, promptTokens, newTokens } = each;
  const generation = { batch, promptTokens, newTokens, tensorParallel: 1, runtime };
  const recorder = new Recorder();
  traceGenerate(
    family,
    shape,
    { ...generation, decodeSteps: "every" },
    plainExecution(0),
    recorder,
  );
  const parameters = [...namedParameters(family.modules(shape))].map(({ name, parameter }) =>
    [name, parameter.shape] as const
  );
  return { parameters, events: signedBytes(recorder, each.leastBytes) };
}

/**
 * Of the generation alone, without what is there before and after: the caller's ids and mask, and the workspaces that
 * workers have cuBLAS take before the first cell.
 */
export function signedBytes({ events }: Recorder, leastBytes: number): number[] {
  const sizes = new Map<number, number>();
  const callers = new Set<number>();
  const signed: number[] = [];
  const first = events.findIndex((event) => event.kind === "phase");
  for (const event of events.slice(first)) {
    if (event.kind === "allocate") {
      if (event.tensor.category === "workspace") continue;
      if (callers.size < 2) {
        callers.add(event.handle);
        continue;
      }
      sizes.set(event.handle, event.tensor.bytes);
      if (event.tensor.bytes >= leastBytes) signed.push(event.tensor.bytes);
    } else if (event.kind === "free") {
      const bytes = sizes.get(event.handle);
      if (bytes !== undefined && bytes >= leastBytes) signed.push(-bytes);
    }
  }
  return signed;
}

/** The largest sum of events so far. */
export function peakOf(events: readonly number[]): number {
  let sum = 0;
  let peak = 0;
  for (const bytes of events) {
    sum += bytes;
    peak = Math.max(peak, sum);
  }
  return peak;
}
