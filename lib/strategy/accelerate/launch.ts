/** How an accelerate session starts: one plain Python process. */
import type { StrategyContext, StrategyLaunch } from "../strategy.ts";
import { ownGpus, workerEnv } from "../launch_env.ts";

export function launchAccelerate(context: StrategyContext): StrategyLaunch {
  return {
    argv: ["{python}", "{workers}/accelerate_worker.py", "{session}/request.json"],
    env: { ...workerEnv(context), ...ownGpus(context) },
  };
}
