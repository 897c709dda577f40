/**
 * The accelerate cells of pipelines/tiny.yaml with Stowage and with optimum-benchmark, on the same checkpoint, interpreter
 * packages and number of threads. Wall and processor seconds of the whole programs, and what each says of a token.
 *
 *     deno run -A bench/beside_optimum.ts PYTHON [BATCH...]
 *
 * PYTHON is an interpreter with optimum-benchmark 0.6.0 and the stack `current`: a virtual environment of its own, with a
 * .pth file that names the site-packages of Stowage's.
 */
import { fileURLToPath } from "node:url";
import type { Results } from "../lib/run/results.ts";

const [python = "", ...words] = Deno.args;
const batches = words.length === 0 ? ["1", "8"] : words;
const CYCLES = 2;
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const folder = Deno.makeTempDirSync({ prefix: "stowage-beside-" });

/** Runs a program. @returns What it printed last, and its seconds: wall, and user and system with all children. */
async function timed(argv: readonly string[]): Promise<{
  readonly last: string;
  readonly wall: number;
  readonly processor: number;
}> {
  const { stdout, stderr, success } = await new Deno.Command("bash", {
    args: ["-c", 'TIMEFORMAT="%R %U %S"; time "$@" 2>"$0"', `${folder}/stderr`, ...argv],
    cwd: folder,
    env: { OMP_NUM_THREADS: "1", HF_HUB_OFFLINE: "1", NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(Deno.readTextFileSync(`${folder}/stderr`).slice(-2000));
  const [wall = NaN, user = NaN, system = NaN] = new TextDecoder().decode(stderr).trim()
    .split(" ").map(Number);
  const last = new TextDecoder().decode(stdout).trim();
  return { last, wall, processor: user + system };
}

const text = Deno.readTextFileSync(here("../pipelines/tiny.yaml"))
  .replace(/^ {2}- \{ use: ds-.*\n/gm, "")
  .replace(/batchSize: \[.*\]/, `batchSize: [${batches.join(", ")}]`)
  .replace(/cycles: \d+/, `cycles: ${CYCLES}`);
Deno.writeTextFileSync(`${folder}/beside.yaml`, text);
const own = await timed([
  Deno.execPath(),
  "run",
  "-A",
  "--config",
  here("../deno.json"),
  here("../cli.ts"),
  "run",
  "beside.yaml",
  "--format",
  "json",
]);
const { cells, run }: Results = JSON.parse(own.last);
const request = JSON.parse(
  Deno.readTextFileSync(`${run.folder}/sessions/accelerate/attempt-1/request.json`),
);
const other = await timed([
  python,
  here("with_optimum_benchmark.py"),
  request.model.path,
  String(CYCLES),
  "8",
  "8",
  ...batches,
]);
const theirs = JSON.parse(other.last.split("\n").at(-1) ?? "{}");
Deno.removeSync(folder, { recursive: true });
console.log(JSON.stringify(
  {
    cells: cells.map(({ id, status }) => `${id}: ${status}`),
    stowage: {
      wallSeconds: own.wall,
      processorSeconds: own.processor,
      msPerToken: cells.map(({ measurement }) => measurement?.time?.msPerToken),
    },
    optimumBenchmark: {
      wallSeconds: other.wall,
      processorSeconds: other.processor,
      msPerToken: Object.values(theirs.msPerToken ?? {}),
    },
    wallRatio: Math.round(10 * other.wall / own.wall) / 10,
    processorRatio: Math.round(10 * other.processor / own.processor) / 10,
  },
  null,
  2,
));
