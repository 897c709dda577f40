/** The outline of a saved plan: what `run plan.json` executes or indexes by, checked before it is believed. */
import * as z from "zod";
import { DEEPSPEED_CONFIG_FILE } from "../launch/file_names.ts";
import { isLaunchVariable, isLaunchWord } from "../launch/allowed.ts";
import type { Plan, PlanCell } from "../plan/plan.ts";

const text = z.string();
const number = z.number();
/** Becomes a part of the name of a folder. */
const folderName = text.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, "a plain name");

const cellSchema = z.looseObject({
  id: text,
  key: text,
  strategy: z.looseObject({ use: text, name: text, dtype: text }),
  axes: z.looseObject({}),
  batchSize: number.int().min(1),
  promptTokens: number.int().min(1),
  newTokens: number.int().min(1),
  prediction: z.looseObject({
    verdict: z.enum(["fits", "tight", "oom", "invalid", "unknown"]),
    oomProbability: number,
    devices: z.array(z.looseObject({})),
    hosts: z.array(z.looseObject({})),
    time: z.looseObject({}).nullable(),
  }),
});

/** What a run executes or indexes by; predictions are only shown, so their outline is enough. */
const planSchema = z.looseObject({
  formatVersion: text.regex(/^1\./, "a format version that this version of Stowage reads (1.x)"),
  tool: z.looseObject({ name: z.literal("stowage"), version: text, workersSha256: text }),
  pipeline: z.looseObject({ name: folderName, path: text, sha256: text }),
  inputs: z.array(z.looseObject({
    path: text,
    sha256: text,
    bytes: number.int().min(0).exactOptional(),
    headBytes: number.int().min(0).exactOptional(),
  })),
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
  execution: z.looseObject({ sessions: number.int().min(1) }).exactOptional(),
  seed: number,
  python: text.optional(),
  sessions: z.array(z.looseObject({
    id: folderName,
    strategy: text,
    worldSize: number.int().min(1),
    devices: number.int().min(1).exactOptional(),
    directory: text.exactOptional(),
    launch: z.looseObject({
      // The engine starts its own workers with Python, and nothing that a file may name.
      argv: z.tuple(
        [z.literal("{python}")],
        text.refine(isLaunchWord, "a word that Stowage itself launches with"),
      ),
      env: z.record(text.refine(isLaunchVariable, "a variable that Stowage itself sets"), text),
      files: z.partialRecord(z.literal(DEEPSPEED_CONFIG_FILE), text),
    }),
    cellIds: z.array(text),
  })),
  cells: z.array(cellSchema),
  diagnostics: z.array(z.looseObject({})),
});

/** The plan in plain data, or in words why there is none. */
export function parsePlan(
  data: unknown,
): { readonly plan: Plan } | { readonly problem: string } {
  const parsed = planSchema.safeParse(data);
  if (parsed.success) return { plan: parsed.data as unknown as Plan };
  return { problem: problemOf(parsed.error) };
}

/** A cell in plain data, or in words why it is none. */
export function parseCell(
  data: unknown,
): { readonly cell: PlanCell } | { readonly problem: string } {
  const parsed = cellSchema.safeParse(data);
  if (parsed.success) return { cell: parsed.data as unknown as PlanCell };
  return { problem: problemOf(parsed.error) };
}

function problemOf({ issues: [issue] }: z.ZodError, place = "the file"): string {
  return `${issue?.path.join(".") || place}: ${issue?.message ?? "wrong"}`;
}
