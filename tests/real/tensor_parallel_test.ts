/** Ranks that fill their shares of an empty model against DeepSpeed cutting a whole one, in float32 on two gloo ranks. */
import assert from "node:assert/strict";
import { realEnvironment } from "./environment.ts";

const SCRIPT = new URL("./tensor_parallel.py", import.meta.url).pathname;

interface Line {
  readonly family: string;
  /** Tensors that are not those of a model that was loaded whole, or made whole. */
  readonly read: readonly string[];
  readonly filled: readonly string[];
  readonly tokens: readonly (readonly number[])[];
}

Deno.test("a model that is cut empty and then filled is the one that DeepSpeed cuts whole", async () => {
  const { python } = await realEnvironment();
  const folder = Deno.makeTempDirSync({ prefix: "stowage-tensor-parallel-" });
  try {
    const { code, stdout, stderr } = await new Deno.Command(python, {
      args: ["-m", "torch.distributed.run", "--nproc_per_node", "2", SCRIPT, folder],
      env: { DS_ACCELERATOR: "cpu", LOCAL_SIZE: "2", OMP_NUM_THREADS: "1" },
    }).output();
    const decoder = new TextDecoder();
    assert.equal(code, 0, decoder.decode(stderr));
    const lines: Line[][] = decoder.decode(stdout).split("\n")
      .filter((line) => line.startsWith("RESULT "))
      .map((line) => JSON.parse(line.slice("RESULT ".length)));
    assert.deepEqual(
      lines.map(([first]) => first?.family),
      ["bloom", "llama", "llama-tied", "qwen2", "opt", "gpt_neox"],
    );
    for (const { family, read, filled, tokens } of lines.flat()) {
      assert.deepEqual([read, filled], [[], []], family);
      const [first = []] = tokens;
      assert.ok(new Set(first).size > 5, `${family}: too few tokens to compare`);
      for (const other of tokens) assert.deepEqual(other, first, family);
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
