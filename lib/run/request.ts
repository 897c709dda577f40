/** What a worker is asked to do: a plan's session as a request file. */
import { DEEPSPEED_CONFIG_FILE } from "../launch/files.ts";
import type { Plan, PlanCell, PlanSession } from "../plan/plan.ts";
import { isCpu } from "./host.ts";
import type { WorkerRequest } from "./protocol.ts";

/** The request of a session for some of its cells, in the given order. */
export function workerRequest(
  plan: Plan,
  session: PlanSession,
  cells: readonly PlanCell[],
  { checkpoint, startedAt }: {
    /** Absolute folder of the weights; null when they are made on the device. */
    readonly checkpoint: string | null;
    /** Unix time in seconds. */
    readonly startedAt: number;
  },
): WorkerRequest {
  const [first] = cells;
  if (first === undefined) throw new Error(`Session "${session.id}" has no cell to run`);
  const deepspeedConfig = session.launch.files[DEEPSPEED_CONFIG_FILE];
  return {
    formatVersion: "1.0",
    sessionId: session.id,
    strategy: first.strategy,
    worldSize: session.worldSize,
    device: isCpu(plan.hardware) ? "cpu" : "cuda",
    model: {
      name: plan.model.name,
      config: plan.model.config,
      weights: plan.model.weights === "on-device" ? "on-device" : "files",
      path: checkpoint,
    },
    seed: plan.seed,
    generate: plan.generate,
    prompts: plan.prompts,
    benchmark: plan.benchmark,
    deviceCapBytes: plan.budget.deviceBytes ?? null,
    deepspeedConfig: deepspeedConfig === undefined ? null : JSON.parse(deepspeedConfig),
    cells: cells.map(({ id, batchSize, promptTokens, newTokens }) => ({
      id,
      batchSize,
      promptTokens,
      newTokens,
    })),
    startedAt,
  };
}
