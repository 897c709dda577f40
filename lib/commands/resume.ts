/** `resume RUN`: goes on with a run where it was ended, whatever ended it. */
import { join } from "node:path";
import { readChoices } from "../run/resume.ts";
import { PLAN_FILE } from "../run/run_store.ts";
import { execute, type ExecuteSettings, rerunOf } from "./execute.ts";
import { readSavedPlan } from "./saved_plan.ts";

/** Flags of `resume`. */
export interface ResumeSettings extends ExecuteSettings {
  /** Folder of the run. */
  readonly folder: string;
  /** `failed`, `all` or the id of a cell. */
  readonly rerun?: string;
}

/**
 * @returns As `run` does.
 * @throws DiagnosticError when the folder holds no run (STW513, STW331), or when a worker script or a file that the
 * plan was made from has changed since (STW330): running the pipeline again takes over what is still valid.
 */
export async function resumeCommand(settings: ResumeSettings): Promise<number> {
  const { folder, rerun } = settings;
  const choices = readChoices(folder);
  const { plan } = await readSavedPlan(join(folder, PLAN_FILE), { ignorePipeline: true });
  return await execute(plan, {
    resume: folder,
    ...choices,
    ...(rerun === undefined ? {} : { rerun: rerunOf(rerun, plan) }),
  }, settings);
}
