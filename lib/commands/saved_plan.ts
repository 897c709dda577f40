/** Reads a plan that `plan --out` has saved, and refuses it when something that it was made from has changed. */
import * as z from "zod";
import { diskReader } from "../catalog/files.ts";
import { readJsonObject } from "../catalog/json_file.ts";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { notAPlan, planChanged } from "../diagnostics/messages/plan.ts";
import { DEEPSPEED_CONFIG_FILE } from "../launch/files.ts";
import { sha256 } from "../plan/hash.ts";
import type { Plan } from "../plan/plan.ts";
import { readWorkerSources } from "./worker_sources.ts";

const MAX_PLAN_BYTES = 512 * 1024 * 1024;

const text = z.string();
const number = z.number();

/** What a run executes or indexes by; predictions are only shown, so their outline is enough. */
const planSchema = z.looseObject({
  formatVersion: text.regex(/^1\./, "a format version that this version of Stowage reads (1.x)"),
  tool: z.looseObject({ name: z.literal("stowage"), version: text, workersSha256: text }),
  pipeline: z.looseObject({ name: text, path: text, sha256: text }),
  inputs: z.array(z.looseObject({ path: text, sha256: text })),
  model: z.looseObject({
    name: text,
    config: z.looseObject({}),
    weights: z.enum(["random", "on-device", "files"]),
    weightsPath: text.optional(),
    parameters: number,
  }),
  hardware: z.looseObject({
    nodes: number,
    devices: z.looseObject({ count: number, kind: text, capacityBytes: number.nullable() }),
  }),
  stack: z.looseObject({ name: text, versions: z.record(text, text), runnable: z.boolean() }),
  generate: z.looseObject({}),
  prompts: z.looseObject({
    source: z.enum(["synthetic", "builtin", "file"]),
    texts: z.array(text),
  }),
  budget: z.looseObject({ predictedOom: z.enum(["skip", "run", "only"]) }),
  benchmark: z.looseObject({ warmup: number, cycles: number, timeoutSeconds: number }),
  seed: number,
  python: text.optional(),
  sessions: z.array(z.looseObject({
    id: text,
    strategy: text,
    worldSize: number.int().min(1),
    launch: z.looseObject({
      // The engine starts its own workers with Python, and nothing that a file may name.
      argv: z.tuple([z.literal("{python}")], text),
      env: z.record(text.regex(/^[A-Z][A-Z0-9_]*$/), text),
      files: z.partialRecord(z.literal(DEEPSPEED_CONFIG_FILE), text),
    }),
    cellIds: z.array(text),
  })),
  cells: z.array(z.looseObject({
    id: text,
    key: text,
    strategy: z.looseObject({ use: text, name: text, dtype: text }),
    axes: z.looseObject({}),
    batchSize: number.int().min(1),
    promptTokens: number.int().min(1),
    newTokens: number.int().min(1),
    prediction: z.looseObject({
      verdict: z.enum(["fits", "tight", "oom", "invalid"]),
      oomProbability: number,
      devices: z.array(z.looseObject({})),
      hosts: z.array(z.looseObject({})),
      time: z.looseObject({}).nullable(),
    }),
  })),
  diagnostics: z.array(z.looseObject({})),
});

/** Whether a file holds a plan, as against a pipeline in JSON: by its outline alone. */
export function looksLikePlan(path: string): boolean {
  if (!path.toLowerCase().endsWith(".json")) return false;
  const read = readJsonObject(path, diskReader, MAX_PLAN_BYTES);
  return "object" in read && "formatVersion" in read.object && "cells" in read.object;
}

/**
 * The plan in a file, fit to be run.
 *
 * @throws DiagnosticError when the file is no plan (STW331) or an input has changed since it was made (STW330).
 */
export function readSavedPlan(
  path: string,
  /** The pipeline file itself may have changed: everything that it said is in the plan. @default {false} */
  { ignorePipeline = false }: { readonly ignorePipeline?: boolean } = {},
): Plan {
  const read = readJsonObject(path, diskReader, MAX_PLAN_BYTES);
  if ("problem" in read) throw new DiagnosticError([notAPlan({ path, reason: read.problem })]);
  const parsed = planSchema.safeParse(read.object);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const reason = `${issue?.path.join(".") || "the file"}: ${issue?.message ?? "wrong"}`;
    throw new DiagnosticError([notAPlan({ path, reason })]);
  }
  const plan = parsed.data as unknown as Plan;
  const inputs = plan.inputs.filter(({ path: input }) =>
    !ignorePipeline || input !== plan.pipeline.path
  );
  const changed = inputs.flatMap(({ path: input, sha256: wanted }) => {
    const what = changeOf(input, wanted);
    return what === null ? [] : [planChanged({ path: input, what })];
  });
  if (sha256(readWorkerSources()) !== plan.tool.workersSha256) {
    changed.push(planChanged({ path: "lib/workers", what: "has changed" }));
  }
  if (changed.length > 0) throw new DiagnosticError(changed);
  return plan;
}

function changeOf(path: string, wanted: string): string | null {
  try {
    return sha256(Deno.readTextFileSync(path)) === wanted ? null : "has changed";
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? "has been removed" : "cannot be read";
  }
}
