/** Pipelines for cells that were measured elsewhere: everything but what the cells themselves say. */
import type { HardwareSpec, ModelSpec, Pipeline, StackSpec } from "../language/pipeline.ts";

/** A pipeline without strategies and grid, which a prediction of given cells does not read. */
export function pipelineFor(
  name: string,
  parts: { readonly model: ModelSpec; readonly hardware: HardwareSpec; readonly stack: StackSpec },
  budget: Partial<Pipeline["budget"]> = {},
): Pipeline {
  return {
    name,
    ...parts,
    generate: { do_sample: false },
    prompts: { tokens: 1, source: "synthetic" },
    strategies: [],
    grid: { axes: [], include: [], exclude: [] },
    budget: { predictedOom: "run", ...budget },
    benchmark: { warmup: 0, cycles: 1, timeoutSeconds: 0 },
    execution: { sessions: 1 },
    environment: {},
    seed: 0,
  };
}
