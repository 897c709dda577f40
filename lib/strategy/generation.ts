/** What a strategy hands to the generation loop. */
import type { TracedSpec } from "../language/pipeline.ts";
import type { Generation } from "../model/generate.ts";
import { runtimeOf } from "../model/runtime.ts";
import type { StrategyContext, Workload } from "./strategy.ts";

/** The generation of a workload by `tensorParallel` ranks that share each layer. */
export function generationOf(
  spec: TracedSpec,
  context: StrategyContext,
  workload: Workload,
  tensorParallel: number,
): Generation {
  return {
    batch: workload.batchSize,
    promptTokens: workload.promptTokens,
    newTokens: workload.newTokens,
    decodeSteps: workload.decodeSteps,
    tensorParallel,
    runtime: {
      ...runtimeOf(spec, context.hardware.device, context.stack),
      frozenWeights: context.frozenWeights ?? false,
    },
  };
}
