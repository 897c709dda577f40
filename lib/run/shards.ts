/** Shards of the checkpoint with random weights, for the cells whose ranks read files of their own. */
import { diskReader } from "../catalog/files.ts";
import { resolveModel } from "../catalog/model.ts";
import type { Outcome } from "../diagnostics/diagnostic.ts";
import type { Plan, PlanCell } from "../plan/plan.ts";
import { shapeOf } from "../plan/resolve.ts";
import { shardsFolder } from "../shards/find.ts";
import { shardCheckpoint } from "../shards/shard.ts";
import { withLock } from "./environment/lock.ts";

/** Makes what is missing, beside the checkpoint. */
export async function prepareShards(
  plan: Plan,
  cells: readonly PlanCell[],
  checkpoint: string,
  options: { readonly say: (line: string) => void; readonly signal?: AbortSignal },
): Promise<Outcome<readonly string[]>> {
  const folders: string[] = [];
  for (const ranks of ranksThatReadShards(plan, cells)) {
    const out = shardsFolder(checkpoint, ranks);
    const { diagnostics } = await withLock(`${checkpoint}.shards.lock`, options.say, () => {
      const spec = { name: plan.model.name, path: checkpoint, weights: "files" } as const;
      const model = resolveModel(spec, "/", diskReader);
      const shaped = model.value && shapeOf(model.value);
      if (!model.value || !shaped?.value) {
        return Promise.resolve({
          diagnostics: [...model.diagnostics, ...shaped?.diagnostics ?? []],
        });
      }
      const { stack } = plan;
      return shardCheckpoint({
        ...shaped.value,
        model: model.value,
        stack,
        ranks,
        out,
        replace: true,
        ...options,
      });
    }, options.signal);
    if (diagnostics.length > 0) return { diagnostics };
    folders.push(out);
  }
  return { value: folders, diagnostics: [] };
}

function ranksThatReadShards(plan: Plan, cells: readonly PlanCell[]): ReadonlySet<number> {
  const ids = new Set(
    cells.filter(({ strategy }) =>
      strategy.use === "ds-inference" && strategy.checkpoint === "presharded" &&
      !strategy.kernelInject
    ).map(({ id }) => id),
  );
  return new Set(
    plan.sessions.filter(({ cellIds }) => cellIds.some((id) => ids.has(id)))
      .map(({ worldSize }) => worldSize),
  );
}
