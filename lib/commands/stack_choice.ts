/** `--stack`: a stack of the catalog instead of the pipeline's, or the versions that an interpreter has. */
import { resolveStack, STACK_PACKAGES } from "../catalog/stack.ts";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { detectedNeedsPython } from "../diagnostics/messages/run.ts";
import { WORKERS_DIRECTORY } from "../workers/directory.ts";
import type { PlanOptions } from "./make_plan.ts";

/** Versions to plan with; none where the pipeline's own stack stands. */
export interface StackChoice {
  readonly versions: Pick<PlanOptions, "stackVersions">;
  /** Whether they come from an interpreter: then they can be run, whatever the catalog knows of them. */
  readonly detected: boolean;
}

/**
 * @throws DiagnosticError when the stack is unknown, or `detected` has no interpreter to look at.
 */
export async function stackChoice(
  name: string | undefined,
  python: string | undefined,
): Promise<StackChoice> {
  if (name === undefined) return { versions: {}, detected: false };
  if (name !== "detected") {
    const { value, diagnostics } = resolveStack({ name });
    if (value === undefined) {
      // The stack comes from the command line: a place in the pipeline file would mislead.
      throw new DiagnosticError(diagnostics.map(({ path: _, ...rest }) => rest));
    }
    return { versions: { stackVersions: value.versions }, detected: false };
  }
  if (python === undefined) throw new DiagnosticError([detectedNeedsPython({})]);
  const { detectVersions } = await import("../run/environment/detect.ts");
  const { value, diagnostics } = await detectVersions(python, WORKERS_DIRECTORY);
  if (value === undefined) throw new DiagnosticError(diagnostics);
  const stackVersions = Object.fromEntries(
    Object.entries(value.versions).filter(([name]) => STACK_PACKAGES.includes(name)),
  );
  return { versions: { stackVersions }, detected: true };
}
