import { type Command, InvalidArgumentError } from "../commander.ts";
import { type Action, command, given } from "./words.ts";

/** Declares the command. */
export function declareShard(program: Command, action: Action): void {
  command(program, "shard", {
    summary: "cut a checkpoint, a file for each tensor-parallel rank",
    description:
      "Writes the tensors of a checkpoint as the ranks of ds-inference keep them, so that with checkpoint: presharded " +
      "each rank reads its own files and no other. Needs no Python and a few megabytes of memory, and goes on where it " +
      "was interrupted.\n\n" +
      "Takes a folder with config.json and safetensors files, or a pipeline whose weights are such a folder. Without " +
      "--out the shards go to the folder tp-N of the weights, where a pipeline with these weights finds them; a folder " +
      "of shards can also be the weights of a pipeline itself.",
    examples: [
      [
        "stowage shard models/bloom --tensor-parallel 8",
        "Cut for eight ranks, into models/bloom/tp-8",
      ],
      [
        "stowage shard bloom.yaml --tensor-parallel 8 --out /nvme/bloom-tp8",
        "Cut the weights of a pipeline, for the DeepSpeed of its stack",
      ],
    ],
  })
    .argument("<source>", "folder of a checkpoint, or pipeline (YAML or JSON)")
    .requiredOption("--tensor-parallel <n>", "number of ranks", countOf)
    .option("--out <folder>", "folder for the shards")
    .action(action(async (common, [source = ""], flags) => {
      const { shardCommand } = await import("../shard.ts");
      const { tensorParallel: ranks = 1, out } = flags;
      return shardCommand({ ...common, source, ranks, ...given({ out }) });
    }));
}

function countOf(value: string): number {
  if (/^[1-9]\d{0,3}$/.test(value)) return Number(value);
  throw new InvalidArgumentError("A whole number from 1 to 9999.");
}
