/** Whole runs of the scripted worker: everything is real but the model, the libraries and the environment. */
import type { Plan } from "../../lib/plan/plan.ts";
import type { HostFacts } from "../../lib/run/host.ts";
import type { Surroundings } from "../../lib/run/run.ts";
import { scriptedPlan, WORKER } from "./scripted.ts";

/** The host of these runs. */
export const HOST: HostFacts = {
  os: "Linux 6.1 x86_64",
  cpuModel: "a processor",
  cores: 2,
  memoryBytes: 2 ** 34,
  gpus: [],
};

/** What a run of the scripted worker finds around it. */
export const SCRIPTED: Surroundings = {
  examine: () => Promise.resolve(HOST),
  findEnvironment: () =>
    Promise.resolve({
      value: {
        python: "python3",
        pythonVersion: "3.11.0",
        versions: {},
        extensionsDirectory: "/nowhere",
        created: false,
      },
      diagnostics: [],
    }),
  prepareCheckpoints: () => Promise.resolve({ value: new Map(), diagnostics: [] }),
  workersDirectory: WORKER,
};

/**
 * A plan of two sessions over all these cells, half and half, so that a kill may fall between sessions too.
 *
 * @param sideBySide How many may run at once, each on one device.
 */
export function twoSessions(ids: readonly string[], sideBySide = 1): Plan {
  const { plan, session: base } = scriptedPlan(ids);
  const session = { ...base, devices: 1 };
  const half = Math.ceil(ids.length / 2);
  return {
    ...plan,
    execution: { sessions: sideBySide },
    cells: plan.cells.map((cell) => ({ ...cell, prediction: { ...cell.prediction, hosts: [] } })),
    sessions: [
      { ...session, id: "first", cellIds: ids.slice(0, half) },
      { ...session, id: "second", cellIds: ids.slice(half) },
    ],
  };
}
