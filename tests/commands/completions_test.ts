import assert from "node:assert/strict";
import { say } from "./fake_terminal.ts";

/** What bash would offer behind a line that is being typed. */
async function offered(script: string, words: readonly string[]): Promise<string> {
  const driver = `${script}
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_stowage
echo "\${COMPREPLY[*]}"`;
  const { stdout, stderr, success } = await new Deno.Command("bash", {
    args: ["--norc", "-c", driver, "bash", "--", ...words],
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  assert.ok(success, decoder.decode(stderr));
  return decoder.decode(stdout).trim();
}

Deno.test("bash offers commands, options and choices", async () => {
  const { stdout: script } = await say("completions", "bash");
  const cases: readonly (readonly [words: readonly string[], offers: string])[] = [
    [["stowage", "pl"], "plan"],
    [["stowage", "ls", ""], "models hardware stacks runs"],
    [["stowage", "plan", "a.yaml", "--fo"], "--format"],
    [["stowage", "plan", "--format", "j"], "json jsonl"],
    [["stowage", "check", "--format", ""], "table json"],
    [["stowage", "--color", ""], "auto always never"],
    [["stowage", "-q", "help", "do"], "doctor"],
    [["stowage", "plan", "--out", ""], ""],
  ];
  for (const [words, offers] of cases) {
    assert.equal(await offered(script, words), offers, words.join(" "));
  }
});

for (const shell of ["zsh", "fish"]) {
  Deno.test(`the completions for ${shell}`, async (t) => {
    const { stdout, exitCode } = await say("completions", shell);
    assert.equal(exitCode, 0);
    await t.assertSnapshot(stdout);
  });
}

Deno.test("there are no completions for other shells", async () => {
  const { exitCode, stderr } = await say("completions", "csh");
  assert.equal(exitCode, 2);
  assert.match(stderr, /The choices are bash, zsh, fish/);
});
