/** Asks an interpreter which packages of the stack it has, and compares them with the stack. */
import { join } from "node:path";
import { sameRelease } from "../../catalog/stack.ts";
import type { Diagnostic, Outcome } from "../../diagnostics/diagnostic.ts";
import { packagesMissing, versionsDiffer } from "../../diagnostics/messages/environment.ts";
import type { DetectReport } from "../protocol.ts";
import { runPython } from "./interpreter.ts";
import type { EnvironmentRequest } from "./types.ts";

/** What every worker imports; the strategies of DeepSpeed want that as well. */
export const NEEDED_PACKAGES: readonly string[] = ["torch", "transformers", "accelerate"];

/**
 * Runs `detect.py`. It takes a fraction of a second: nothing of the stack is imported. Fails with STW413 when the
 * interpreter does not start.
 *
 * @param python Path or name of the interpreter.
 * @param workersDirectory The folder that has `detect.py`.
 */
export async function detectVersions(
  python: string,
  workersDirectory: string,
): Promise<Outcome<DetectReport>> {
  const { value, diagnostics } = await runPython(python, [join(workersDirectory, "detect.py")]);
  return value === undefined
    ? { diagnostics }
    : { value: value as unknown as DetectReport, diagnostics };
}

/**
 * What an interpreter lacks or has in another version. DeepSpeed may be absent when no strategy needs it; a DeepSpeed
 * that is there counts, because transformers and accelerate use it when they find it.
 */
export function compareVersions(
  { versions }: DetectReport,
  request: Pick<EnvironmentRequest, "stack" | "anyVersions" | "needsDeepspeed">,
  python: string,
): Diagnostic[] {
  const { stack, anyVersions, needsDeepspeed } = request;
  if (anyVersions) {
    const needed = [...NEEDED_PACKAGES, ...(needsDeepspeed ? ["deepspeed"] : [])];
    const names = needed.filter((name) => versions[name] === undefined);
    return names.length === 0 ? [] : [packagesMissing({ python, names })];
  }
  const differences = Object.entries(stack.versions).flatMap(([name, wanted]) => {
    const installed = versions[name];
    const mayBeAbsent = name === "deepspeed" && !needsDeepspeed;
    if (installed === undefined ? mayBeAbsent : sameRelease(installed, wanted)) return [];
    return [{ name, installed, wanted }];
  });
  if (differences.length === 0) return [];
  return [versionsDiffer({ python, stack: stack.name, differences })];
}
