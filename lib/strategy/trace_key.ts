/** What of the hardware a trace depends on. */
import { runtimeOf } from "../model/runtime.ts";
import type { StrategyContext } from "./strategy.ts";

/**
 * The `traceKey` of a placement: two kinds of GPU that differ in nothing which it tells have the same trace.
 *
 * @param more What else the placement found out, as plain data.
 */
export function traceKey({ hardware, stack }: StrategyContext, more: unknown = null): string {
  const { device, deviceCount, nodes } = hardware;
  const { cublasWorkspaceBytes } = runtimeOf({ dtype: "float16" }, device, stack);
  return JSON.stringify([device.type, cublasWorkspaceBytes, deviceCount, nodes, more]);
}
