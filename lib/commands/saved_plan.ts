/** Reads a plan that `plan --out` has saved, and refuses it when something that it was made from has changed. */
import { diskReader, type FileReader } from "../catalog/files.ts";
import { readJsonObject } from "../catalog/json_file.ts";
import { resolveStack, sameRelease } from "../catalog/stack.ts";
import { type Diagnostic, DiagnosticError, hasErrors } from "../diagnostics/diagnostic.ts";
import { notAPlan, planChanged, planPipelineAbsent } from "../diagnostics/messages/plan.ts";
import { sha256 } from "../plan/hash.ts";
import type { Plan, PlanInput } from "../plan/plan.ts";
import type { PlanFile } from "./plan_file.ts";
import { beginsAsPlan } from "./plan_start.ts";
import { readWorkerSources } from "./worker_sources.ts";

const MAX_PLAN_BYTES = 512 * 1024 * 1024;

/** A plan that may be run. */
export interface SavedPlan {
  readonly plan: Plan;
  /** Warnings. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Whether a file holds a plan, as against a pipeline in JSON: by its outline alone. */
export function looksLikePlan(path: string): boolean {
  if (!path.toLowerCase().endsWith(".json")) return false;
  if (beginsWritten(path, diskReader)) return true;
  const read = readJsonObject(path, diskReader, MAX_PLAN_BYTES);
  return "object" in read && "formatVersion" in read.object && "cells" in read.object;
}

/**
 * The plan in a file, fit to be run.
 *
 * @throws DiagnosticError when the file is no plan (STW331) or an input has changed since it was made (STW330).
 */
export async function readSavedPlan(
  path: string,
  { ignorePipeline = false, files = diskReader }: {
    /** The pipeline file itself may have changed: everything that it said is in the plan. @default {false} */
    readonly ignorePipeline?: boolean;
    /** @default the disk */
    readonly files?: FileReader;
  } = {},
): Promise<SavedPlan> {
  const parsed = await readPlan(path, files);
  if ("problem" in parsed) throw new DiagnosticError([notAPlan({ path, reason: parsed.problem })]);
  const { plan } = parsed;
  const diagnostics = [
    ...plan.inputs.filter((input) => !ignorePipeline || input.path !== plan.pipeline.path)
      .flatMap((input) => inputChange(input, plan, files)),
    ...stackChange(plan),
    ...workersChange(plan),
  ];
  if (hasErrors(diagnostics)) throw new DiagnosticError(diagnostics);
  return { plan, diagnostics };
}

/** As it was written, cell by cell; in any other form whole. */
async function readPlan(path: string, files: FileReader): Promise<PlanFile> {
  // Loaded here because the outline costs the start-up of every run of a pipeline.
  const { readPlanFile } = await import("./plan_file.ts");
  const written = beginsWritten(path, files) ? readPlanFile(path, files) : undefined;
  if (written !== undefined) return written;
  const read = readJsonObject(path, files, MAX_PLAN_BYTES);
  if ("problem" in read) return read;
  const { parsePlan } = await import("./plan_outline.ts");
  return parsePlan(read.object);
}

function beginsWritten(path: string, files: FileReader): boolean {
  try {
    return files.stat(path)?.kind === "file" && beginsAsPlan(path, files);
  } catch {
    return false; // reading it whole says why
  }
}

function inputChange(input: PlanInput, { pipeline }: Plan, files: FileReader): Diagnostic[] {
  const { path } = input;
  const what = changeOf(input, files);
  if (what === null) return [];
  // A plan is carried to the host that runs it, and holds all that the pipeline said.
  if (what === "has been removed" && path === pipeline.path) return [planPipelineAbsent({ path })];
  return [planChanged({ path, what })];
}

function changeOf(
  { path, sha256: wanted, bytes, headBytes }: PlanInput,
  files: FileReader,
): string | null {
  try {
    const stat = files.stat(path);
    if (stat === null) return "has been removed";
    if (bytes !== undefined && stat.bytes !== bytes) return "has another size";
    const found = headBytes === undefined
      ? files.readText(path)
      : files.readRange(path, 0, Math.min(headBytes, stat.bytes));
    return sha256(found) === wanted ? null : "has changed";
  } catch {
    return "cannot be read";
  }
}

/** A stack of the catalog that has other versions than when the plan was made; build tags do not count. */
function stackChange({ stack: { name, versions } }: Plan): Diagnostic[] {
  const known = resolveStack({ name }).value?.versions;
  if (known === undefined) return []; // spelled out, or detected: the plan itself says what it is
  const differ = Object.keys(known).some((each) =>
    !sameRelease(known[each] ?? "", versions[each] ?? "")
  );
  return differ
    ? [planChanged({ path: `stack ${name}`, what: "has other versions in this catalog" })]
    : [];
}

function workersChange({ tool }: Plan): Diagnostic[] {
  return sha256(readWorkerSources()) === tool.workersSha256
    ? []
    : [planChanged({ path: "lib/workers", what: "has changed" })];
}
