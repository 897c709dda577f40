/**
 * What the engine costs beside the workers: the real command with a worker that does nothing, over many cells. Milliseconds for
 * each cell, and the resident memory of the engine's process: the most while it planned, and the most while it served the
 * cells, which is what a night costs; then the most of a `resume` of the run, of which every cell has ended. Run it with:
 * deno run -A bench/engine_overhead.ts [cells, default 10000]
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { scriptedPipeline, writeScriptedPython } from "../tests/commands/scripted_python.ts";

const PROMPTS = 10;
const count = Number(Deno.args[0] ?? 10_000);
const folder = Deno.makeTempDirSync({ prefix: "stowage-bench-" });
const GRID = { batchSize: upTo(count / PROMPTS), promptTokens: upTo(PROMPTS) };
const cli = fileURLToPath(new URL("../cli.ts", import.meta.url));

try {
  Deno.writeTextFileSync(
    join(folder, "overhead.json"),
    JSON.stringify(scriptedPipeline(["ok"], GRID)),
  );
  const python = writeScriptedPython(folder);
  const args = ["--python", python, "--out-dir", join(folder, "runs")];
  const pipeline = join(folder, "overhead.json");
  const plan = join(folder, "plan.json");
  const saved = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", cli, "plan", pipeline, "--out", plan, "--quiet", "--format", "csv"],
    stdout: "null",
  }).output();
  if (!saved.success) throw new Error("the pipeline could not be planned");
  for (const [what, file] of [["a saved plan", plan], ["a pipeline", pipeline]] as const) {
    console.log(
      JSON.stringify({
        what,
        cells: count,
        ...await measure(["run", file, ...args, "--rerun", "all"]),
      }),
    );
  }
  const [run] = Deno.readDirSync(join(folder, "runs"));
  if (run === undefined) throw new Error("there is no run to go on with");
  console.log(
    JSON.stringify({
      what: "a resume of a finished run",
      cells: count,
      ...await measureResume(join(folder, "runs", run.name)),
    }),
  );
} finally {
  Deno.removeSync(folder, { recursive: true });
}

interface Cost {
  readonly msPerCell: number;
  readonly wholeSeconds: number;
  readonly planningMib: number;
  readonly servingMib: number;
}

/** Runs the command to its end, and looks at its memory as its events come. */
async function measure(args: readonly string[]): Promise<Cost> {
  const begun = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", cli, ...args, "--json", "--quiet"],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let planningMib = 0;
  let servingMib = 0;
  let firstMs = 0;
  let lastMs = 0;
  const timer = setInterval(() => servingMib = Math.max(servingMib, peakMib(child.pid)), 100);
  const lines = child.stdout.pipeThrough(new TextDecoderStream());
  let rest = "";
  for await (const text of lines) {
    const whole = (rest + text).split("\n");
    rest = whole.pop() ?? "";
    for (const line of whole) {
      const { event, status, message } = JSON.parse(line);
      if (event === "session" && planningMib === 0) {
        planningMib = peakMib(child.pid);
        Deno.writeTextFileSync(`/proc/${child.pid}/clear_refs`, "5"); // the peak begins anew
        servingMib = 0;
      }
      if (event !== "outcome") continue;
      if (status !== "ok") throw new Error(`A cell ended with ${status}: ${message}`);
      lastMs = performance.now();
      if (firstMs === 0) firstMs = lastMs;
    }
  }
  clearInterval(timer);
  const { code } = await child.status;
  if (code !== 0) throw new Error(`the run ended with ${code}`);
  return {
    msPerCell: round((lastMs - firstMs) / (count - 1)),
    wholeSeconds: round((performance.now() - begun) / 1000),
    planningMib: round(planningMib),
    servingMib: round(servingMib),
  };
}

/** Goes on with a run that has ended, and looks at the most memory that its process has had. */
async function measureResume(
  run: string,
): Promise<Pick<Cost, "wholeSeconds"> & { peakMib: number }> {
  const begun = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", cli, "resume", run, "--quiet"],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  let mib = 0;
  const timer = setInterval(() => mib = Math.max(mib, peakMib(child.pid)), 20);
  const { code } = await child.status;
  clearInterval(timer);
  if (code !== 0) throw new Error(`the resume ended with ${code}`);
  return { wholeSeconds: round((performance.now() - begun) / 1000), peakMib: round(mib) };
}

/** Most resident memory of a process so far; 0 when it has ended. */
function peakMib(pid: number): number {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
