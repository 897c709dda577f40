/** Has a large grid planned by a process of its own, and reads the plan cell by cell. */
import { join } from "node:path";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Plan } from "../plan/plan.ts";
import type { Format } from "./settings.ts";

/** More cells than this are planned apart: fewer cost less than the start of another process. */
export const MANY_CELLS = 2000;

/** What the planner is asked; it answers in files. */
export interface PlannerRequest {
  /** Path of the pipeline file. */
  readonly file: string;
  readonly python?: string;
  readonly calibration?: string;
  readonly stackVersions?: Readonly<Record<string, string>>;
  /** How the plan is to be shown; null for not at all. */
  readonly format: Format | null;
  readonly planFile: string;
  readonly textFile: string;
  readonly diagnosticsFile: string;
}

/** What the planner made. The plan and its text are absent where there is no plan. */
export interface PlannedApart {
  readonly plan?: Plan;
  readonly text?: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** Plans. Throws what the system throws, and Error for what the planner itself failed at. */
export async function planApart(
  asked: Omit<PlannerRequest, "planFile" | "textFile" | "diagnosticsFile">,
): Promise<PlannedApart> {
  const folder = Deno.makeTempDirSync({ prefix: "stowage-plan-" });
  try {
    const request: PlannerRequest = {
      ...asked,
      planFile: join(folder, "plan.json"),
      textFile: join(folder, "plan.txt"),
      diagnosticsFile: join(folder, "diagnostics.json"),
    };
    const requestFile = join(folder, "request.json");
    Deno.writeTextFileSync(requestFile, JSON.stringify(request));
    const script = new URL("./planner.ts", import.meta.url).href;
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--quiet", script, requestFile],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).output();
    if (code !== 0) throw new Error(`the planner ended with exit code ${code}`);
    const diagnostics = JSON.parse(Deno.readTextFileSync(request.diagnosticsFile));
    const plan = await readMade(request.planFile);
    if (plan === undefined) return { diagnostics };
    return {
      plan,
      diagnostics,
      ...(asked.format === null ? {} : { text: Deno.readTextFileSync(request.textFile) }),
    };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function readMade(path: string): Promise<Plan | undefined> {
  const { diskReader } = await import("../catalog/files.ts");
  if (diskReader.stat(path) === null) return undefined;
  const { readPlanFile } = await import("./plan_file.ts");
  const read = readPlanFile(path, diskReader) ?? { problem: "it has no cells" };
  if ("problem" in read) throw new Error(`the planner wrote no plan: ${read.problem}`);
  return read.plan;
}
