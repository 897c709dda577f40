/** The captured step against Hugging Face's own loop, in float32 on a CPU. */
import assert from "node:assert/strict";
import { realEnvironment } from "./environment.ts";

const SCRIPT = new URL("./decode_graph.py", import.meta.url).pathname;

Deno.test("a captured step gives the tokens of eager greedy search, padded prompts included", async () => {
  const { python } = await realEnvironment();
  const { code, stdout, stderr } = await new Deno.Command(python, {
    args: [SCRIPT],
    env: { OMP_NUM_THREADS: "1" }, // threads that wait for each other spin
  }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stderr));
  const lines = decoder.decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ family }) => family),
    ["bloom", "llama", "mistral", "qwen2", "qwen3"],
  );
  for (const { family, same, distinct } of lines) {
    assert.ok(same, `${family} gives other tokens`);
    assert.ok(distinct > 10, `${family} gives ${distinct} tokens, too few to compare`);
  }
});
