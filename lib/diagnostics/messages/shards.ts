/** STW7xx: checkpoints that are cut for tensor-parallel ranks. */
import { message, type MessageKind } from "../diagnostic.ts";

export const cannotShard: MessageKind<{ path: string; reason: string }> = message({
  code: "STW701",
  title: "Checkpoint cannot be cut",
  explanation:
    "shard cuts each tensor of a checkpoint as DeepSpeed would for its tensor-parallel ranks: attention by heads, " +
    "which the ranks must divide, and the MLP and the head in multiples of 64. It needs a folder with config.json and " +
    "safetensors files whose tensors have the names and shapes of the model.",
  message: ({ path, reason }) => `Cannot cut the checkpoint "${path}": ${reason}`,
  help: () => "Name a folder of safetensors files, and a number of ranks that divides the heads",
});

export const shardsExist: MessageKind<{ folder: string; reason: string }> = message({
  code: "STW702",
  title: "Folder is taken",
  explanation:
    "shard writes into a folder of its own, and goes on with one that it began for the same checkpoint and ranks. It " +
    "writes over nothing else.",
  message: ({ folder, reason }) => `Cannot write shards into "${folder}": ${reason}`,
  help: () => "Choose another folder with --out, or remove this one",
});

export const noRoomForShards: MessageKind<{ folder: string; need: string; free: string }> = message(
  {
    code: "STW703",
    title: "Not enough disk space for the shards",
    explanation:
      "The files of all ranks together take the space of the checkpoint, and once more for each further rank what every " +
      "rank keeps whole: the embedding, norms, some biases. Before anything is written that is compared with the free space.",
    message: ({ folder, need, free }) => `Shards in "${folder}" need ${need}, and ${free} are free`,
    help: () => "Free some space, or choose a folder on a larger disk with --out",
  },
);

export const shardsFailed: MessageKind<{ folder: string; reason: string }> = message({
  code: "STW704",
  title: "Shards could not be written",
  explanation:
    "Files get their names when they are whole, and the manifest is written last. What is whole is kept: the same " +
    "command goes on from there.",
  message: ({ folder, reason }) => `Writing shards into "${folder}" failed: ${reason}`,
  help: () => "Mend the reason and run the same command again",
});

export const shardsMissing: MessageKind<{ ranks: number; path: string }> = message({
  code: "STW705",
  title: "There are no shards for these ranks",
  explanation:
    "With checkpoint: presharded each rank reads only its own file. The files lie in the folder tp-N of the weights, N " +
    "being the number of ranks, or the weights are such a folder themselves. They must have been cut from the weights " +
    "that are there now. With weights: random they are made when the pipeline runs.",
  message: ({ ranks, path }) => `Weights "${path}" have no shards for ${ranks} ranks`,
  help: ({ ranks, path }) =>
    `Make them: stowage shard ${path} --tensor-parallel ${ranks}; or leave checkpoint out`,
});

export const shardMisplaced: MessageKind<{ path: string; reason: string }> = message({
  code: "STW709",
  title: "A file of shards is not that of its rank",
  explanation:
    "The files of all ranks have the same names of tensors, and often the same sizes. Each says in its header for which rank, " +
    "of how many, and from which checkpoint it was cut. A file that was renamed, exchanged with another or copied from " +
    "elsewhere would load, and the model would generate nonsense. The engine compares before it plans, and every rank before " +
    "it reads.",
  message: ({ path, reason }) => `Cannot use the file of shards "${path}": ${reason}`,
  help: () =>
    "Run stowage shard on the whole weights again: it writes anew what is not right; or fetch the folder again",
});

export const weightsAreShards: MessageKind<{ use: string }> = message({
  code: "STW706",
  title: "Weights are shards",
  explanation:
    "A folder that shard wrote has the tensors of each rank and no whole checkpoint. Only ds-inference with " +
    "checkpoint: presharded can load it.",
  message: ({ use }) => `Strategy "${use}" needs a whole checkpoint, and the weights are shards`,
  help: () =>
    "Name the folder that the shards were cut from, or use ds-inference with checkpoint: presharded",
});

export const kernelsNeedWhole: MessageKind<Record<never, never>> = message({
  code: "STW707",
  title: "Kernels do not load shards",
  explanation:
    "Injected kernels take the values of a model that has all of them. The pre-sharded checkpoints that DeepSpeed of 2022 " +
    "saved for its kernels can be predicted, not loaded.",
  message: () => "Injected kernels cannot load a pre-sharded checkpoint",
  help: () => "Set kernelInject: false, or leave checkpoint out",
});

export const autoTpUnsupported: MessageKind<{ reason: string }> = message({
  code: "STW708",
  title: "DeepSpeed cannot cut this model",
  explanation:
    "AutoTP finds the linear layers of a model by itself. Some model types it refuses, GPT-2 among them, whose layers keep " +
    "their weights transposed.",
  message: ({ reason }) => `Tensor parallelism without kernels is impossible: ${reason}`,
  help: () => "Set kernelInject: true, tensorParallel: 1, or use another strategy",
});
