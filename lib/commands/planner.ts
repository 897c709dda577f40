/**
 * Plans in a process of its own: `planner.ts REQUEST`. Planning ten thousand cells takes half a gigabyte for some seconds, which
 * a process does not give back to the system; the engine that asks stays small for the night.
 */
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { renderPlan } from "../report/render.ts";
import { writeJsonWhole } from "../run/json_file.ts";
import { writeWhole } from "../run/run_folder.ts";
import { readPipeline } from "./input.ts";
import { makePlan, type PlanOutcome } from "./make_plan.ts";
import { calibrationLookup } from "./own_calibration.ts";
import type { PlannerRequest } from "./plan_apart.ts";

async function plan(
  { file, python, calibration, stackVersions }: PlannerRequest,
): Promise<PlanOutcome> {
  const talk = (text: string) => console.error(text);
  try {
    return await makePlan(readPipeline(file), {
      ...(python === undefined ? {} : { python }),
      ...(stackVersions === undefined ? {} : { stackVersions }),
      calibrationOf: calibrationLookup(calibration, { talk }),
    });
  } catch (error) {
    if (error instanceof DiagnosticError) return { diagnostics: error.diagnostics };
    throw error;
  }
}

if (import.meta.main) {
  const request: PlannerRequest = JSON.parse(Deno.readTextFileSync(Deno.args[0] ?? ""));
  const { plan: made, diagnostics } = await plan(request);
  writeJsonWhole(request.diagnosticsFile, diagnostics);
  if (made !== undefined) {
    if (request.format !== null) writeWhole(request.textFile, renderPlan(made, request.format));
    writeJsonWhole(request.planFile, made);
  }
}
