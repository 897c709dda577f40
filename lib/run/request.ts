/** What a worker is asked to do: a plan's session as a request file. */
import { DEEPSPEED_CONFIG_FILE } from "../launch/files.ts";
import type { Plan, PlanCell, PlanSession } from "../plan/plan.ts";
import { isCpu } from "./host.ts";
import { COMMANDS_FILE } from "./commands_file.ts";
import type { WorkerCell, WorkerRequest } from "./protocol.ts";

/** The request of a session; its cells are asked for one by one. */
export function workerRequest(
  plan: Plan,
  session: PlanSession,
  { checkpoint, startedAt }: {
    /** Absolute folder of the weights; null when they are made on the device. */
    readonly checkpoint: string | null;
    /** Unix time in seconds. */
    readonly startedAt: number;
  },
): WorkerRequest {
  const first = plan.cells.find(({ id }) => id === session.cellIds[0]);
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
    cells: [],
    commandsFile: COMMANDS_FILE,
    startedAt,
  };
}

/** A cell as a worker reads it. */
export function workerCell({ id, batchSize, promptTokens, newTokens }: PlanCell): WorkerCell {
  return { id, batchSize, promptTokens, newTokens };
}
