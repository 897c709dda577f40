/** What a worker is asked to do: a plan's session as a request file. */
import { DEEPSPEED_CONFIG_FILE } from "../launch/files.ts";
import type { Plan, PlanCell, PlanSession } from "../plan/plan.ts";
import { isCpu } from "./host.ts";
import { fillWord } from "../strategy/script/words.ts";
import { COMMANDS_FILE } from "./commands_file.ts";
import { freePort } from "./free_port.ts";
import type { WorkerCell, WorkerRequest } from "./protocol.ts";

/** The request of a session; its cells are asked for one by one. */
export function workerRequest(
  plan: Plan,
  session: PlanSession,
  { checkpoint, gpus, startedAt }: {
    /** Absolute folder of the weights; null when they are made on the device. */
    readonly checkpoint: string | null;
    /** Indices of the GPUs that the run may use. */
    readonly gpus: readonly number[];
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
    ...(session.directory === undefined ? {} : {
      script: {
        directory: session.directory,
        gpus: gpus.slice(0, plan.hardware.devices.count),
      },
    }),
  };
}

/** What a cell's command may be told beside the cell. */
export interface CommandFacts {
  readonly checkpoint: string | null;
  readonly devices: number;
  readonly python: string;
  /** Absolute folder of the session. */
  readonly session: string;
}

/** A cell as a worker reads it. */
export function workerCell(cell: PlanCell, facts: CommandFacts): WorkerCell {
  const { id, batchSize, promptTokens, newTokens, strategy, model } = cell;
  const work = { batchSize, promptTokens, newTokens };
  if (strategy.use !== "script") return { id, ...work };
  const values = {
    ...work,
    ...facts,
    model,
    dtype: strategy.dtype,
    checkpoint: facts.checkpoint ?? "",
    port: freePort(),
  };
  return { id, ...work, command: strategy.command.map((word) => fillWord(word, values)) };
}
