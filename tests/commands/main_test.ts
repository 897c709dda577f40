import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { VERSION } from "../../lib/version.ts";
import { projectFolder } from "./child.ts";
import { say } from "./fake_terminal.ts";

const TINY = fileURLToPath(new URL("../../pipelines/tiny.yaml", import.meta.url));

Deno.test("--version is the version alone", async () => {
  assert.deepEqual(await say("--version"), { exitCode: 0, stdout: `${VERSION}\n`, stderr: "" });
  assert.equal(JSON.parse(Deno.readTextFileSync(`${projectFolder}deno.json`)).version, VERSION);
});

Deno.test("bad usage exits 2, says why on stderr and where to read on", async () => {
  const cases: readonly (readonly [argv: readonly string[], said: RegExp])[] = [
    [["plan"], /missing required argument 'file'\nSee: stowage plan --help/],
    [["plan", "a.yaml", "b.yaml"], /too many arguments/],
    [
      ["plan", "--frmat", "json", "a.yaml"],
      /unknown option '--frmat'\n\(Did you mean --format\?\)/,
    ],
    [
      ["plan", "--format", "xml", "a.yaml"],
      /Allowed choices are table, markdown, json, jsonl, csv/,
    ],
    [["ls", "model"], /Did you mean models\? The choices are models, hardware, stacks/],
    [["ls", "planets"], /The choices are models, hardware, stacks/],
    [["chek", "a.yaml"], /unknown command 'chek'\n\(Did you mean check\?\)/],
    [["tiny"], /unknown command 'tiny'\nA pipeline file is named with its ending or path/],
    [["--color", "pink", "plan", "a.yaml"], /Allowed choices are auto, always, never/],
    [["help", "plam"], /unknown command 'plam'/],
    [["\x1b[31mevil"], /unknown command '\\x1b\[31mevil'/],
  ];
  for (const [argv, said] of cases) {
    const { exitCode, stdout, stderr } = await say(...argv);
    assert.deepEqual({ exitCode, stdout }, { exitCode: 2, stdout: "" }, argv.join(" "));
    assert.match(stderr, said);
  }
});

Deno.test("a file that is not there is named with its neighbour", async () => {
  const { exitCode, stderr } = await say("plan", TINY.replace("tiny.yaml", "tiny.yml"));
  assert.equal(exitCode, 2);
  assert.match(stderr, /^error\[STW115\]: There is no file .*\n.*Did you mean ".*tiny\.yaml"\?/);
});

Deno.test("a folder is no pipeline", async () => {
  const { exitCode, stderr } = await say("check", projectFolder);
  assert.equal(exitCode, 2);
  assert.match(stderr, /^error\[STW116\]/);
});

Deno.test("an option may stand before or behind the command", async () => {
  const before = await say("-q", "check", TINY);
  assert.deepEqual(before, { exitCode: 0, stdout: "", stderr: "" });
  assert.deepEqual(await say("check", TINY, "-q"), before);
  assert.notEqual((await say("check", TINY)).stderr, "");
});

Deno.test("a failure that nobody foresaw is a bug: 101, what to report, no stack trace", async () => {
  const { main } = await import("../../lib/commands/main.ts");
  let said = "";
  function run(...argv: readonly string[]): Promise<number> {
    said = "";
    return main(argv, () => ({
      write() {
        throw new TypeError("a \x1b[31mbroken\x1b[0m stream");
      },
      talk: (text) => void (said += `${text}\n`),
      color: { stdout: false, stderr: false },
      isLive: false,
      isQuiet: false,
      columns: 80,
    }));
  }
  assert.equal(await run("explain", "STW101"), 101);
  assert.match(said, /^error\[STW901\]: TypeError: a \\x1b\[31mbroken\\x1b\[0m stream\n/);
  assert.match(said, /arguments: \["explain","STW101"\]/);
  assert.doesNotMatch(said, /\n\s+at /);
  assert.equal(await run("explain", "STW101", "--debug"), 101);
  assert.match(said, /\n\s+at /);
});

Deno.test("every code can be explained", async () => {
  const { allMessages } = await import("../../lib/diagnostics/registry.ts");
  for (const { code, title } of allMessages()) {
    const { exitCode, stdout, stderr } = await say("explain", code);
    assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    assert.ok(stdout.startsWith(`${code}: ${title}\n\n`), stdout);
  }
});

Deno.test("a code that is not there gets a suggestion", async () => {
  const { exitCode, stderr } = await say("explain", "STW1O1");
  assert.equal(exitCode, 2);
  assert.match(stderr, /^error\[STW621\].*\n.*Did you mean STW1/);
});
