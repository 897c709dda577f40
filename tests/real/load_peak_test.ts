/** What two real ranks hold at most while they load their shares, against the shares and the whole model. */
import assert from "node:assert/strict";
import { realEnvironment } from "./environment.ts";

const SCRIPT = new URL("./load_peak.py", import.meta.url).pathname;
/** What the libraries and the sampler of memory keep beside the tensors. */
const MARGIN_BYTES = 6e6;
const LARGEST_CUT_BYTES = 4 * 1024 ** 2 * 4;

interface Line {
  readonly load: string;
  readonly dataBytes: number;
  readonly heldBytes: number;
}

interface Result {
  readonly wholeBytes: number;
  readonly ranks: readonly (readonly Line[])[];
  readonly leftInSharedMemory: readonly string[];
}

async function measure(): Promise<Result> {
  const { python } = await realEnvironment();
  const folder = Deno.makeTempDirSync({ prefix: "stowage-load-peak-" });
  try {
    const { code, stdout, stderr } = await new Deno.Command(python, {
      args: ["-m", "torch.distributed.run", "--nproc_per_node", "2", SCRIPT, folder],
      env: {
        DS_ACCELERATOR: "cpu",
        LOCAL_SIZE: "2",
        OMP_NUM_THREADS: "1",
        MALLOC_ARENA_MAX: "2",
        MALLOC_MMAP_THRESHOLD_: "131072",
        MALLOC_TRIM_THRESHOLD_: "131072",
      },
    }).output();
    const decoder = new TextDecoder();
    assert.equal(code, 0, decoder.decode(stderr));
    const line = decoder.decode(stdout).split("\n").find((text) => text.startsWith("RESULT "));
    return JSON.parse(line?.slice("RESULT ".length) ?? "null");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("a rank holds its share while it loads, and one whole tensor where it makes the values", async (t) => {
  const { ranks, wholeBytes, leftInSharedMemory } = await measure();
  assert.equal(ranks.length, 2);
  for (const [rank, lines] of ranks.entries()) {
    for (const { load, dataBytes, heldBytes } of lines) {
      await t.step(`${load}, rank ${rank}`, () => {
        assert.ok(heldBytes < 0.7 * wholeBytes);
        const beside = dataBytes - heldBytes;
        // A little less where something from before was given back meanwhile.
        assert.ok(beside > -MARGIN_BYTES, `${beside}`);
        if (load === "made_in_parts") {
          assert.ok(beside < LARGEST_CUT_BYTES + MARGIN_BYTES, `${beside}`);
        } else if (load === "read_in_parts") {
          assert.ok(beside < MARGIN_BYTES, `${beside}`);
        } else {
          // What DeepSpeed cuts itself is there whole, too.
          assert.ok(beside > 0.9 * wholeBytes, `${beside}`);
        }
      });
    }
  }
  await t.step("shared memory has no names that outlive the ranks", () => {
    assert.deepEqual(leftInSharedMemory, []);
  });
});
