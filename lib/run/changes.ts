/** In words what differs between a cell of an earlier run and the same cell now, as far as it decides the result. */
import type { Plan, PlanCell } from "../plan/plan.ts";

/** Named differences, each as `what (now, was before)` or just its name; empty when nothing that is known differs. */
export function changesBetween(
  before: { readonly plan: Plan; readonly cell: PlanCell },
  now: { readonly plan: Plan; readonly cell: PlanCell },
): string[] {
  return [
    ...differing("", optionsOf(before.cell), optionsOf(now.cell)),
    ...differing("", lengthsOf(before.cell), lengthsOf(now.cell)),
    ...differing("", before.plan.stack.versions, now.plan.stack.versions),
    ...differing("benchmark.", before.plan.benchmark, now.plan.benchmark),
    ...differing("generate.", before.plan.generate, now.plan.generate),
    ...differing("hardware.", hardwareOf(before.plan), hardwareOf(now.plan)),
    ...differing("model.", before.plan.model.config, now.plan.model.config),
    ...differing("", partsOf(before.plan), partsOf(now.plan)),
    ...named("prompts", before.plan.prompts, now.plan.prompts),
    ...named("worker scripts", before.plan.tool.workersSha256, now.plan.tool.workersSha256),
  ];
}

function optionsOf({ strategy }: PlanCell): Record<string, unknown> {
  return { ...strategy, name: undefined };
}

function lengthsOf({ batchSize, promptTokens, newTokens }: PlanCell): Record<string, unknown> {
  return { batchSize, promptTokens, newTokens };
}

function hardwareOf({ hardware: { nodes, devices } }: Plan): Record<string, unknown> {
  return { nodes, devices: devices.count, kind: devices.kind };
}

function partsOf({ model, budget, seed }: Plan): Record<string, unknown> {
  return {
    weights: model.weights,
    weightsPath: model.weightsPath,
    "budget.device": budget.deviceBytes,
    seed,
  };
}

function differing(prefix: string, before: object, now: object): string[] {
  const old: Record<string, unknown> = { ...before };
  const current: Record<string, unknown> = { ...now };
  return [...new Set([...Object.keys(old), ...Object.keys(current)])]
    .filter((key) => text(old[key]) !== text(current[key]))
    .map((key) => `${prefix}${key} (${text(current[key])}, was ${text(old[key])})`);
}

function named(what: string, before: unknown, now: unknown): string[] {
  return JSON.stringify(before) === JSON.stringify(now) ? [] : [what];
}

/** A value in a few characters: whole mappings say too much. */
function text(value: unknown): string {
  if (value === undefined) return "not set";
  const written = typeof value === "string" ? value : JSON.stringify(value);
  return written.length <= 40 ? written : `${written.slice(0, 37)}...`;
}
