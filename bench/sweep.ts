/**
 * A sweep of six batches over three strategies on the model of pipelines/tiny.yaml: each model loaded once, against a
 * process for every cell. Run it with: deno run -A bench/sweep.ts
 */
import { fileURLToPath } from "node:url";
import { readPipeline } from "../lib/commands/input.ts";
import { makePlan } from "../lib/commands/make_plan.ts";
import type { Plan } from "../lib/plan/plan.ts";
import { run } from "../lib/run/run.ts";

const BATCHES = [1, 2, 4, 8, 16, 32];
const folder = Deno.makeTempDirSync({ prefix: "stowage-sweep-" });
const pipeline = fileURLToPath(new URL("../pipelines/tiny.yaml", import.meta.url));
const text = Deno.readTextFileSync(pipeline)
  .replace(/batchSize: \[.*\]/, `batchSize: [${BATCHES.join(", ")}]`);
Deno.writeTextFileSync(`${folder}/sweep.yaml`, text);
const { plan } = await makePlan(readPipeline(`${folder}/sweep.yaml`));
if (plan === undefined) throw new Error("The pipeline of the sweep has mistakes");

/** The same plan with a session for every cell. */
function cellByCell(shared: Plan): Plan {
  const sessions = shared.sessions.flatMap((session) =>
    session.cellIds.map((cellId, index) => ({
      ...session,
      id: `${session.id}-cell-${index}`,
      cellIds: [cellId],
    }))
  );
  return { ...shared, sessions };
}

async function secondsOf(measured: Plan, outDir: string): Promise<number> {
  const begun = performance.now();
  const { value, diagnostics } = await run(measured, { outDir });
  const ok = value?.cells.filter(({ status }) => status === "ok").length;
  if (ok !== measured.cells.length) {
    throw new Error(`Only ${ok} cells ran: ${JSON.stringify(diagnostics)}`);
  }
  return (performance.now() - begun) / 1000;
}

const sharedSeconds = await secondsOf(plan, `${folder}/shared`);
const aloneSeconds = await secondsOf(cellByCell(plan), `${folder}/alone`);
Deno.removeSync(folder, { recursive: true });
console.log(JSON.stringify({
  cells: plan.cells.length,
  loadedOnceSeconds: Math.round(sharedSeconds * 10) / 10,
  processPerCellSeconds: Math.round(aloneSeconds * 10) / 10,
  share: Math.round(100 * sharedSeconds / aloneSeconds) / 100,
}));
