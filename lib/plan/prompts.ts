/** The texts of a pipeline's prompts; synthetic ones are made by the worker from the seed and have no text. */
import { resolve } from "node:path";
import { BUILTIN_PROMPTS } from "../catalog/builtin_prompts.ts";
import { reasonOf } from "../catalog/json_file.ts";
import type { Outcome } from "../diagnostics/diagnostic.ts";
import { unreadablePrompts } from "../diagnostics/messages/plan.ts";
import type { Pipeline } from "../language/pipeline.ts";
import type { PlanContext } from "./context.ts";

/** Prompts are a part of the plan: far more than any batch needs. */
const MAX_PROMPTS_BYTES = 16 * 2 ** 20;

/** What the prompts come to. */
export interface Prompts {
  readonly texts: readonly string[];
  /** Absolute paths of the files that were read. */
  readonly files: readonly string[];
}

/** Reads the prompts file, one prompt a line; empty lines do not count. */
export function readPrompts(pipeline: Pipeline, context: PlanContext): Outcome<Prompts> {
  const { source, file = "" } = pipeline.prompts;
  if (source === "synthetic") return { value: { texts: [], files: [] }, diagnostics: [] };
  if (source === "builtin") {
    return { value: { texts: BUILTIN_PROMPTS, files: [] }, diagnostics: [] };
  }
  const path = resolve(context.baseDirectory, file);
  function unreadable(reason: string): Outcome<Prompts> {
    const at = { path: ["prompts", "file"] };
    return { diagnostics: [unreadablePrompts({ path: file, reason }, at)] };
  }
  let text: string;
  try {
    const stat = context.files.stat(path);
    if (stat === null) return unreadable("it does not exist");
    if (stat.kind !== "file") return unreadable("it is not a file");
    if (stat.bytes > MAX_PROMPTS_BYTES) return unreadable(`it has ${stat.bytes} bytes`);
    text = context.files.readText(path);
  } catch (error) {
    return unreadable(reasonOf(error));
  }
  const texts = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  if (texts.length === 0) return unreadable("it has no lines");
  return { value: { texts, files: [path] }, diagnostics: [] };
}
