/** The files that a launch generates, each from its template. */
import type { Plan } from "../plan/plan.ts";
import { renderTemplate } from "./template.ts";
import deepspeedConfigTemplate from "./templates/ds_config.json.njk" with { type: "text" };
import launchScriptTemplate from "./templates/launch.sh.njk" with { type: "text" };
import runNotesTemplate from "./templates/run_notes.md.njk" with { type: "text" };

export { DEEPSPEED_CONFIG_FILE } from "./file_names.ts";

/** DeepSpeed's configuration as a file, for `HfDeepSpeedConfig` and for people. */
export function renderDeepspeedConfig(config: Readonly<Record<string, unknown>>): string {
  return renderTemplate(deepspeedConfigTemplate, { config });
}

/** A script that starts a session as the engine did. `env` names must be valid shell names. */
export function renderLaunchScript(launch: {
  readonly sessionId: string;
  readonly pipelineName: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}): string {
  for (const name of Object.keys(launch.env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new TypeError(`Cannot export an environment variable: name "${name}" is not valid`);
    }
  }
  return renderTemplate(launchScriptTemplate, launch);
}

/** A page that says what a run folder holds. */
export function renderRunNotes(plan: Plan): string {
  return renderTemplate(runNotesTemplate, { ...plan });
}
