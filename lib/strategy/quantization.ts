/** Where int8 weights can be planned. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { int8NotHere } from "../diagnostics/messages/plan.ts";
import type { TracedSpec } from "../language/pipeline.ts";
import type { StrategyContext } from "./strategy.ts";

/** What stops int8: the stack that is run has no library for it, and ZeRO partitions float parameters only. */
export function quantizationProblems(
  spec: TracedSpec,
  { stack, hardware }: StrategyContext,
): Diagnostic[] {
  if (spec.dtype !== "int8") return [];
  const reason = spec.use === "ds-zero"
    ? "ZeRO-3 partitions floating point parameters only"
    : hardware.device.type === "cpu"
    ? "its kernels are for GPUs"
    : stack.runnable
    ? "the environment that Stowage installs has no library for it"
    : undefined;
  return reason === undefined ? [] : [int8NotHere({ reason }, { path: ["dtype"] })];
}
