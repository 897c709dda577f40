/** Groups cells into sessions: one launch loads a model once and serves every cell that it can. */
import { launchStrategy } from "../strategy/registry.ts";
import { launchScript } from "../strategy/script/launch.ts";
import type { Placement } from "../strategy/strategy.ts";
import type { Configuration } from "./configuration.ts";
import type { PlanCell, PlanSession } from "./plan.ts";

export interface PlannedCell {
  readonly planCell: PlanCell;
  readonly configuration: Configuration;
}

/**
 * Sessions in the order of the strategies; within one the cells that need least come first, so that a cell
 * that dies costs none that would have lived. Where a process can serve one cell only, each cell has a session.
 *
 * @param directory Absolute folder of the pipeline, where commands of the user's own start.
 */
export async function makeSessions(
  planned: readonly PlannedCell[],
  directory: string,
): Promise<{ sessions: PlanSession[]; sessionOf: Map<string, string> }> {
  const groups = Map.groupBy(planned, ({ configuration }) => configuration);
  const sessions: PlanSession[] = [];
  const sessionOf = new Map<string, string>();
  const ids = new Set<string>();
  for (const [configuration, members] of groups) {
    const valid = members.filter(({ planCell }) => planCell.prediction.verdict !== "invalid");
    if (valid.length === 0 || configuration.placement === undefined) continue;
    const ascending = valid
      .map(({ planCell }) => planCell)
      .sort((a, b) => needOf(a) - needOf(b))
      .map((cell) => cell.id);
    // A script has a process for each cell in any case.
    const isScript = configuration.spec.use === "script";
    const served = configuration.placement.servesOneCell && !isScript
      ? ascending.map((cellId) => [cellId])
      : [ascending];
    for (const cellIds of served) {
      const id = freeId(configuration.spec.name, ids);
      ids.add(id);
      for (const cellId of cellIds) sessionOf.set(cellId, id);
      sessions.push(await makeSession(id, configuration, cellIds, directory));
    }
  }
  return { sessions, sessionOf };
}

/** The name, or the name with the first number that is free: a strategy may be called like a numbered session. */
function freeId(name: string, taken: ReadonlySet<string>): string {
  let id = name;
  for (let number = 2; taken.has(id); number++) id = `${name}-${number}`;
  return id;
}

function needOf({ prediction }: PlanCell): number {
  return Math.max(0, ...prediction.devices.map(({ peakBytes }) => peakBytes.mid));
}

async function makeSession(
  id: string,
  { spec, context, placement }: Configuration,
  cellIds: readonly string[],
  directory: string,
): Promise<PlanSession> {
  if (placement === undefined) throw new Error(`Cannot launch session "${id}": it is not placed`);
  if (spec.use === "script") {
    const launch = { ...launchScript(spec, context), files: {} };
    // What a command uses of the hardware, nobody knows: it may be all.
    const devices = context.hardware.deviceCount;
    return { id, strategy: spec.name, worldSize: 1, devices, launch, directory, cellIds };
  }
  const { argv, env, deepspeedConfig } = launchStrategy(spec, context, placement);
  const files: Record<string, string> = {};
  if (deepspeedConfig !== undefined) {
    // Loaded here because nunjucks would cost every start-up 40 ms.
    const launch = await import("../launch/files.ts");
    files[launch.DEEPSPEED_CONFIG_FILE] = launch.renderDeepspeedConfig(deepspeedConfig);
  }
  return {
    id,
    strategy: spec.name,
    worldSize: placement.worldSize,
    devices: devicesOfNode(placement),
    launch: { argv, env, files },
    ...(placement.servesOneCell ? { servesOneCell: true } : {}),
    cellIds,
  };
}

function devicesOfNode({ devices }: Placement): number {
  return Math.max(1, devices.filter(({ node }) => node === 0).length);
}
