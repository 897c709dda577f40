/** How a session of a script starts: a worker without libraries, which starts the command once for each cell. */
import type { ScriptSpec } from "../../language/pipeline.ts";
import { allocatorEnv, ownGpus, workerEnv } from "../launch_env.ts";
import type { StrategyContext, StrategyLaunch } from "../strategy.ts";

/** The command itself is told to the worker cell by cell: its words differ from cell to cell. */
export function launchScript(spec: ScriptSpec, context: StrategyContext): StrategyLaunch {
  return {
    argv: ["{python}", "{workers}/script_worker.py", "{session}/request.json"],
    env: { ...workerEnv(context), ...ownGpus(context), ...allocatorEnv(spec, context) },
  };
}
