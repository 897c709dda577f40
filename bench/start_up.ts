/**
 * Process time of commands, beyond that of an empty Deno program. Process time is what user and system spend: unlike the
 * time on the clock it hardly depends on what else the machine does. Needs bash; run it with "deno task bench".
 */
import { fileURLToPath } from "node:url";

const PROJECT = fileURLToPath(new URL("../", import.meta.url));
const ROUNDS = 15;

/** What is promised, in seconds beyond an empty program. */
const COMMANDS: readonly {
  readonly name: string;
  readonly args: readonly string[];
  readonly limit?: number;
}[] = [
  {
    name: "check pipelines/tiny.yaml",
    args: ["check", `${PROJECT}pipelines/tiny.yaml`],
    limit: 0.15,
  },
  { name: "--version", args: ["--version"] },
  { name: "explain STW101", args: ["explain", "STW101"] },
  { name: "plan pipelines/tiny.yaml", args: ["plan", `${PROJECT}pipelines/tiny.yaml`] },
  { name: "plan pipelines/bloom.yaml", args: ["plan", `${PROJECT}pipelines/bloom.yaml`] },
];

/** User and system seconds of one run of a program. */
async function processSeconds(args: readonly string[]): Promise<number> {
  const { stderr, success } = await new Deno.Command("bash", {
    args: [
      "-c",
      'TIMEFORMAT="%U %S"; time "$@" >/dev/null 2>&1',
      "bash",
      Deno.execPath(),
      "run",
      "--quiet",
      ...args,
    ],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stderr).trim();
  if (!success) throw new Error(`Cannot measure ${args.join(" ")}: ${text}`);
  return text.split(" ").reduce((sum, part) => sum + Number(part), 0);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

async function main(): Promise<number> {
  const empty = Deno.makeTempFileSync({ suffix: ".ts" });
  const programs = [
    { name: "an empty program", args: [empty], limit: undefined },
    ...COMMANDS.map(({ name, args, limit }) => ({
      name,
      args: ["--allow-read", "--ignore-env", `${PROJECT}cli.ts`, ...args],
      limit,
    })),
  ];
  const seconds = programs.map((): number[] => []);
  try {
    // In turns, so that a busy moment touches all alike; the first round fills the caches.
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const [index, { args }] of programs.entries()) {
        const spent = await processSeconds(args);
        if (round > 0) seconds[index]?.push(spent);
      }
    }
  } finally {
    Deno.removeSync(empty);
  }
  const base = median(seconds[0] ?? []);
  let exitCode = 0;
  for (const [index, { name, limit }] of programs.entries()) {
    const beyond = median(seconds[index] ?? []) - base;
    const slow = limit !== undefined && beyond > limit;
    if (slow) exitCode = 1;
    const promise = limit === undefined
      ? ""
      : `  (at most ${limit.toFixed(3)}${slow ? ": TOO SLOW" : ""})`;
    console.log(`${name.padEnd(28)} ${(index === 0 ? base : beyond).toFixed(3)} s${promise}`);
  }
  return exitCode;
}

if (import.meta.main) Deno.exitCode = await main();
