import assert from "node:assert/strict";
import { projectFolder, runCli } from "./child.ts";
import { say, sayOn } from "./fake_terminal.ts";

const TINY = `${projectFolder}pipelines/tiny.yaml`;
// deno-lint-ignore no-control-regex
const ESCAPE = /\x1b\[/;

Deno.test("stdout of every format is data alone", async () => {
  const { stdout: json } = await say("plan", TINY, "--format", "json");
  const plan = JSON.parse(json);
  assert.equal(plan.formatVersion, "1.0");
  assert.equal(plan.cells.length, 12);

  const { stdout: jsonl } = await say("plan", TINY, "--format", "jsonl");
  const lines = jsonl.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ id }) => id), plan.cells.map(({ id }: { id: string }) => id));

  const { stdout: csv } = await say("plan", TINY, "--format", "csv");
  assert.equal(csv.trimEnd().split(/\r?\n/).length, 13);
  assert.match(csv, /^cell,/);

  const { stdout: markdown } = await say("plan", TINY, "--format", "markdown");
  assert.match(markdown, /^# Plan of tiny/);
  const { stdout: table } = await say("plan", TINY);
  assert.match(table, /^Plan of tiny/);
});

Deno.test("check speaks on stderr, and with --format json on stdout alone", async () => {
  const clean = await say("check", TINY);
  assert.equal(clean.stdout, "");
  assert.match(clean.stderr, /ok, 12 cells/);
  const machine = await say("check", TINY, "--format", "json");
  assert.equal(machine.stderr, "");
  assert.deepEqual(JSON.parse(machine.stdout).ok, true);
});

Deno.test("--output writes what would be printed, and says so on stderr", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "stowage-output-" });
  try {
    const path = `${folder}/plan.csv`;
    const { stdout, stderr, exitCode } = await say(
      "plan",
      TINY,
      "--format",
      "csv",
      "--output",
      path,
    );
    assert.deepEqual({ stdout, exitCode }, { stdout: "", exitCode: 0 });
    assert.match(stderr, /Wrote ".*plan\.csv"/);
    const printed = await say("plan", TINY, "--format", "csv");
    assert.equal(Deno.readTextFileSync(path), printed.stdout);
    const refused = await say("ls", "models", "--output", `${folder}/absent/models.txt`);
    assert.equal(refused.exitCode, 2);
    assert.match(refused.stderr, /^error\[STW601\]/);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("-q keeps errors and the data, and drops the rest", async () => {
  const bad = await say("-q", "check", `${projectFolder}deno.json`);
  assert.match(bad.stderr, /^error\[STW/);
  const clean = await say("-q", "plan", TINY, "--format", "jsonl");
  assert.equal(clean.stderr, "");
  assert.notEqual(clean.stdout, "");
});

Deno.test("a pipe gets no colours, --color always gives them, NO_COLOR takes them, never wins", async () => {
  const bad = ["check", `${projectFolder}deno.json`];
  const free = { flags: ["--allow-read", "--allow-env"] };
  const colors = async (args: readonly string[], env: Readonly<Record<string, string>>) =>
    ESCAPE.test((await runCli(args, { ...free, env })).stderr);
  assert.equal(await colors(bad, { NO_COLOR: "" }), false);
  assert.equal(await colors([...bad, "--color", "always"], { NO_COLOR: "1" }), true);
  assert.equal(await colors(bad, { NO_COLOR: "1", FORCE_COLOR: "1" }), false);
  assert.equal(await colors(bad, { NO_COLOR: "", FORCE_COLOR: "1" }), true);
  assert.equal(
    await colors([...bad, "--color", "never"], { NO_COLOR: "", FORCE_COLOR: "1" }),
    false,
  );
});

Deno.test("a reader that stops early ends nothing in a stack trace", async () => {
  const command =
    'set -o pipefail; "$0" run --quiet --allow-read --ignore-env "$1" schema | head -n 1';
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", command, Deno.execPath(), `${projectFolder}cli.ts`],
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  assert.equal(decoder.decode(stderr), "");
  assert.equal(decoder.decode(stdout), "{\n");
  assert.equal(code, 0);
});

Deno.test("--detailed-exitcode tells a predicted out-of-memory", async () => {
  assert.equal((await say("plan", TINY, "-q")).exitCode, 0);
  assert.equal((await say("plan", TINY, "-q", "--detailed-exitcode")).exitCode, 3);
});

Deno.test("a full disk behind stdout is told, and is no bug", async () => {
  const { code, stderr } = await new Deno.Command("sh", {
    args: [
      "-c",
      '"$0" run -A "$1" ls models > /dev/full',
      Deno.execPath(),
      `${projectFolder}cli.ts`,
    ],
    stdout: "null",
  }).output();
  assert.equal(code, 2);
  assert.match(
    new TextDecoder().decode(stderr),
    /error\[STW601\]: Cannot write "stdout": no space left on device/,
  );
});

Deno.test("a plan on a terminal fits it, and says which commands go on from what does not fit", async () => {
  const { stdout, stderr } = await sayOn(80, "plan", TINY);
  const [header = ""] = stdout.split("\n").filter((line) => line.startsWith("cell "));
  assert.match(header, /peak.*ms\/token$/);
  assert.doesNotMatch(header, /limit/);
  assert.match(stderr, /stowage explain .*tiny\.yaml accelerate\/batchSize=512\n.*stowage suggest/);
  const piped = await say("plan", TINY);
  assert.match(piped.stdout, /^cell .* limit /m);
  assert.equal(piped.stderr, "");
});
