/** Groups cells into sessions: one launch loads a model once and serves every cell that it can. */
import { launchStrategy } from "../strategy/registry.ts";
import type { Configuration } from "./configuration.ts";
import type { PlanCell, PlanSession } from "./plan.ts";

export interface PlannedCell {
  readonly planCell: PlanCell;
  readonly configuration: Configuration;
}

/**
 * Sessions in the order of the strategies; within one the cells that need least come first, so that a cell
 * that dies costs none that would have lived.
 */
export async function makeSessions(
  planned: readonly PlannedCell[],
): Promise<{ sessions: PlanSession[]; sessionOf: Map<string, string> }> {
  const groups = Map.groupBy(planned, ({ configuration }) => configuration);
  const sessions: PlanSession[] = [];
  const sessionOf = new Map<string, string>();
  const names = new Map<string, number>();
  for (const [configuration, members] of groups) {
    const valid = members.filter(({ planCell }) => planCell.prediction.verdict !== "invalid");
    if (valid.length === 0 || configuration.placement === undefined) continue;
    const { name } = configuration.spec;
    const count = (names.get(name) ?? 0) + 1;
    names.set(name, count);
    const id = count === 1 ? name : `${name}-${count}`;
    const cellIds = valid
      .map(({ planCell }) => planCell)
      .sort((a, b) => needOf(a) - needOf(b))
      .map((cell) => cell.id);
    for (const cellId of cellIds) sessionOf.set(cellId, id);
    sessions.push(await makeSession(id, configuration, cellIds));
  }
  return { sessions, sessionOf };
}

function needOf({ prediction }: PlanCell): number {
  return Math.max(0, ...prediction.devices.map(({ peakBytes }) => peakBytes.mid));
}

async function makeSession(
  id: string,
  { spec, context, placement }: Configuration,
  cellIds: readonly string[],
): Promise<PlanSession> {
  if (placement === undefined) throw new Error(`Cannot launch session "${id}": it is not placed`);
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
    launch: { argv, env, files },
    cellIds,
  };
}
