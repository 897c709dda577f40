import assert from "node:assert/strict";
import { Command } from "../../lib/commands/commander.ts";
import { declareProgram } from "../../lib/commands/program.ts";
import { say } from "./fake_terminal.ts";

function commandNames(): readonly string[] {
  const program = new Command("stowage");
  declareProgram(program, () => () => Promise.resolve());
  return program.commands.map((command) => command.name());
}

Deno.test("the help of the program", async (t) => {
  const { stdout, stderr, exitCode } = await say("--help");
  assert.deepEqual({ stderr, exitCode }, { stderr: "", exitCode: 0 });
  await t.assertSnapshot(stdout);
});

for (const name of commandNames()) {
  Deno.test(`the help of ${name}`, async (t) => {
    const { stdout, stderr, exitCode } = await say(name, "--help");
    assert.deepEqual({ stderr, exitCode }, { stderr: "", exitCode: 0 });
    assert.match(stdout, /\nExamples:\n/);
    for (const line of stdout.split("\n")) assert.ok(line.length <= 100, line);
    await t.assertSnapshot(stdout);
  });
}

Deno.test("help is the same in all its spellings", async () => {
  const { stdout } = await say("plan", "--help");
  assert.equal((await say("help", "plan")).stdout, stdout);
  assert.equal((await say("plan", "-h")).stdout, stdout);
  assert.equal((await say("--help")).stdout, (await say("help")).stdout);
  assert.equal((await say()).stdout, (await say("help")).stdout);
});
