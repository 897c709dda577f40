/** Messages of the planner and the strategies: STW3xx. */
import { message, type MessageKind } from "../diagnostic.ts";

export const impossibleConfig: MessageKind<{ reason: string }> = message({
  code: "STW301",
  title: "The model config cannot be used",
  explanation:
    "The planner builds the same module tree that the library would build from the config. Either a size is missing, " +
    "is not a positive whole number, or contradicts another one, so that the library would refuse the model too: " +
    "compare the config with the config.json that the model was published with. Or a switch changes what the passes " +
    "allocate in a way that nobody has written down; the message says that it is not traced.",
  message: ({ reason }) => `The model config cannot be used: ${reason}`,
  help: () => "Correct the config, or name a model of the catalog (stowage ls models)",
});

export const unsupportedModelType: MessageKind<
  { modelType: string; supported: string[]; estimate: string | undefined }
> = message({
  code: "STW302",
  title: "Model type is not supported",
  explanation:
    "Memory is predicted from a symbolic forward pass that is written once for each model family. This family " +
    "has none yet, and a guess from parameter counts alone would leave out the activations and the cache, " +
    "which are what runs out. The message lists the families that have one.",
  message: ({ modelType }) => `Model type "${modelType}" has no symbolic forward pass`,
  help: ({ supported, estimate }) =>
    `Supported model types: ${supported.join(", ")}` +
    (estimate === undefined ? "" : `. From the sizes alone: ${estimate}; activations come on top`),
});

export const headsNotDivisible: MessageKind<
  { heads: number; kvHeads: number; ranks: number; available: number }
> = message({
  code: "STW303",
  title: "Tensor parallelism does not divide the heads",
  explanation:
    "Tensor parallelism gives each rank an equal number of attention heads, and of the heads of keys and values " +
    "where several heads share them. A degree that does not divide both is not launched. Choose a divisor of " +
    "both that is at most the number of devices.",
  message: ({ heads, kvHeads, ranks }) =>
    `Tensor parallelism of ${ranks} does not divide ` +
    (heads % ranks === 0 ? `${kvHeads} heads of keys and values` : `${heads} heads`),
  help: ({ heads, kvHeads, available }) => {
    const fitting = Array.from({ length: available }, (_, i) => i + 1).filter((n) =>
      heads % n === 0 && kvHeads % n === 0
    );
    return `Use one of: ${fitting.join(", ")}`;
  },
});

export const tooManyRanks: MessageKind<{ ranks: number; available: number }> = message({
  code: "STW304",
  title: "More ranks than devices",
  explanation:
    "Each rank of a tensor-parallel group needs a device of its own. The hardware of the pipeline " +
    "declares fewer devices than the strategy asks for.",
  message: ({ ranks, available }) =>
    `Tensor parallelism of ${ranks} needs ${ranks} devices, the hardware has ${available}`,
  help: ({ available }) => `Lower tensorParallel to ${available} or less, or declare more devices`,
});

export const offloadNeedsFolder: MessageKind<Record<never, never>> = message({
  code: "STW305",
  title: "Disk offload needs a folder",
  explanation:
    "The device map puts modules on the disk, because they fit neither the devices nor the host or because the " +
    "map says so. Accelerate writes such weights to a folder and refuses to start without one.",
  message: () => "The device map offloads weights to the disk, and no offloadFolder is given",
  help: () => 'Add "offloadFolder: /path/on/a/fast/disk", or raise maxMemory',
});

export const nvmeNeedsPath: MessageKind<Record<never, never>> = message({
  code: "STW306",
  title: "NVMe offload needs a path",
  explanation:
    "ZeRO with offload: nvme swaps parameters to files on a local drive and has to be told where.",
  message: () => "Offload to nvme is asked for, and no nvmePath is given",
  help: () => 'Add "nvmePath: /path/on/the/nvme/drive"',
});

export const graphImpossible: MessageKind<{ reason: string }> = message({
  code: "STW319",
  title: "Steps cannot be captured as a graph",
  explanation:
    "With decode: graph one decode step is captured as a CUDA graph and replayed. That needs a model on one device per " +
    "rank whose step runs without Python in between, and a step that the workers have for its family: BLOOM, Llama, " +
    "Mistral, Qwen2 and Qwen3. Hugging Face's own loop works everywhere.",
  message: ({ reason }) => `A decode step cannot be captured as a graph: ${reason}`,
  help: () => 'Write "decode: eager", or leave it out',
});

export const gatherLayerImpossible: MessageKind<{ reason: string }> = message({
  code: "STW322",
  title: "Layers cannot be gathered whole",
  explanation:
    "With gather: layer ZeRO gathers all parameters of a layer together and calls one pair of hooks for it, by what " +
    "DeepSpeed calls leaf modules. Its configuration knows them from 0.18 on, and a layer that is swapped in from a drive " +
    "would need a buffer for each of its parameters at once.",
  message: ({ reason }) => `ZeRO cannot gather whole layers: ${reason}`,
  help: () => 'Write "gather: module", or leave it out',
});

export const kernelInjectNeedsGpu: MessageKind<Record<never, never>> = message({
  code: "STW307",
  title: "Kernel injection needs a GPU",
  explanation:
    "replace_with_kernel_inject replaces the layers by CUDA kernels of DeepSpeed. There are none for a CPU; tensor " +
    "parallelism without injection works there.",
  message: () => "Kernel injection is asked for on a cpu device",
  help: () => "Remove kernelInject, or declare GPUs",
});

export const kernelsRefuseBloom: MessageKind<{ version: string }> = message({
  code: "STW315",
  title: "Kernel injection refuses BLOOM with these versions",
  explanation:
    "DeepSpeed's injected kernels for BLOOM follow the model as transformers had it up to 4.43.4; with a newer one " +
    "init_inference ends with an error. Tensor parallelism without kernels works with every version.",
  message: ({ version }) =>
    `DeepSpeed does not inject kernels into BLOOM with transformers ${version}`,
  help: () =>
    'Remove kernelInject, or choose an older stack: { transformers: "4.43.4" }, or "2022-07" to plan only',
});

export const noKernelsFor: MessageKind<{ modelType: string; version: string }> = message({
  code: "STW320",
  title: "DeepSpeed has no kernels for this model",
  explanation:
    "Kernel injection replaces the layers of the model types that DeepSpeed has a policy for. It leaves any other model as " +
    "it is: whole on every rank, and without tensor parallelism. Tensor parallelism without kernels cuts any model.",
  message: ({ modelType, version }) =>
    `DeepSpeed ${version} has no kernels for the model type "${modelType}"`,
  help: () => "Remove kernelInject",
});

export const olderForward: MessageKind<{ modelType: string; version: string; since: string }> =
  message({
    code: "STW321",
    severity: "warning",
    title: "Passes of this model are traced as newer libraries run them",
    explanation:
      "What a forward pass allocates changes with the versions of transformers. Those of BLOOM are followed from 4.20 on; " +
      "those of other families as the versions run them that they are tested with. Weights and the cache hold for any " +
      "version; activations, masks and times of an older one may differ.",
    message: ({ modelType, version, since }) =>
      `The passes of "${modelType}" are predicted as transformers ${since} runs them, not ${version}`,
    help: ({ since }) =>
      `Take activations and times for an estimate, or plan with transformers ${since}`,
  });

export const quantizedConfig: MessageKind<{ method: string }> = message({
  code: "STW343",
  title: "The config asks for quantized weights",
  explanation:
    "quantization_config in a config.json says that the checkpoint is quantized (AWQ, GPTQ, FP8, bitsandbytes and " +
    "others). Layers, buffers and kernels of such a model are others, and no forward pass of them is written down: " +
    "a plan with the sizes of the layers alone would be wrong several times over. The model that it was made from " +
    "can be planned.",
  message: ({ method }) =>
    `The config asks for weights quantized by "${method}", which no plan traces`,
  help: () =>
    "Name the model that it was quantized from, or take quantization_config out of the config to plan it " +
    "as it was before",
});

export const sdpaNotThere: MessageKind<{ modelType: string }> = message({
  code: "STW344",
  title: "The model has eager attention only",
  explanation:
    "attention: sdpa asks Hugging Face for torch's scaled_dot_product_attention (attn_implementation). Not every model " +
    "of the library is written for it: BLOOM adds its positions to the scores itself, and from_pretrained ends with an " +
    "error when it is asked for anything but eager.",
  message: ({ modelType }) => `Models of type "${modelType}" have eager attention only`,
  help: () => 'Write "attention: eager", or leave it out',
});

export const int8NotHere: MessageKind<{ reason: string }> = message({
  code: "STW316",
  title: "Weights in int8 are not possible here",
  explanation:
    "int8 quantizes the matrices of the layers while they are loaded: bitsandbytes does it for accelerate, DeepSpeed's " +
    "kernels for ds-inference. Such cells can be planned for GPUs with a stack of 2022, whose published results have " +
    "them; no worker runs them.",
  message: ({ reason }) => `Weights in int8 are not possible here: ${reason}`,
  help: () => 'Use float16 or bfloat16, or plan with the stack "2022-09"',
});

export const offloadOnCpu: MessageKind<{ offload: string }> = message({
  code: "STW308",
  title: "Offload has no meaning on a cpu device",
  explanation:
    "Offload moves parameters from a GPU to the host or to a drive. A cpu device is a process of the host, so " +
    "there is nothing to move.",
  message: ({ offload }) => `Offload to ${offload} is asked for on a cpu device`,
  help: () => 'Remove "offload", or declare GPUs',
});

export const severalNodes: MessageKind<{ use: string }> = message({
  code: "STW309",
  title: "Strategy works on one node only",
  explanation:
    "A device map is the work of a single process, which sees the devices of its own node only.",
  message: ({ use }) => `Strategy "${use}" cannot span several nodes`,
  help: () => 'Set "nodes: 1", or use ds-inference or ds-zero',
});

export const beyondPositions: MessageKind<{ tokens: number; positions: number }> = message({
  code: "STW310",
  title: "Sequence is longer than the model's positions",
  explanation:
    "The model has a table of positions of a fixed length. Prompt and new tokens together are longer, so the " +
    "library would fail with an index error in the middle of a generation.",
  message: ({ tokens, positions }) =>
    `Prompt and new tokens are ${tokens} together, the model has ${positions} positions`,
  help: ({ positions }) => `Keep promptTokens + newTokens at or below ${positions}`,
});

export const beyondExactIntegers: MessageKind<{ cell: string }> = message({
  code: "STW311",
  title: "Cell is too large to count",
  explanation:
    "The bytes of this cell go beyond 2^53, up to which whole numbers are exact. No machine holds that much.",
  message: ({ cell }) => `Cell "${cell}" needs more bytes than can be counted exactly`,
  help: () => "Lower batchSize or the lengths",
});

export const unreadablePrompts: MessageKind<{ path: string; reason: string }> = message({
  code: "STW312",
  title: "Prompts cannot be read",
  explanation:
    "prompts.file names a text file with one prompt a line, relative to the pipeline file. It could not be read, " +
    "or has no lines.",
  message: ({ path, reason }) => `Cannot read prompts from "${path}": ${reason}`,
  help: () => "Correct the path, or use synthetic prompts (prompts: { tokens: 8 })",
});

export const unknownDevices: MessageKind<{ devices: readonly number[]; available: number }> =
  message({
    code: "STW313",
    title: "Device map names devices that are not there",
    explanation:
      "Devices are counted from 0. The device map or maxMemory names an index that the hardware of the pipeline does " +
      "not have, so the library would fail while it loads the model.",
    message: ({ devices, available }) =>
      `The hardware has no device ${devices.join(", ")}: it has ${available}, counted from 0`,
    help: () => "Correct the index, or declare more devices",
  });

export const modulesWithoutDevice: MessageKind<{ module: string; count: number }> = message({
  code: "STW314",
  title: "Device map leaves modules out",
  explanation:
    "A device map that is written out must place every weight of the model, by the name of its module or of a module " +
    'around it; "" stands for the whole model. The library refuses a map that leaves weights out.',
  message: ({ module, count }) =>
    `The device map has no place for "${module}"${count > 1 ? ` and ${count - 1} more` : ""}`,
  help: () => "Add each module, or a module around it, to the deviceMap",
});

export const planChanged: MessageKind<{ path: string; what: string }> = message({
  code: "STW330",
  title: "An input of the plan has changed",
  explanation:
    "A saved plan is run exactly as it was made. One of the files that it was made from is not what it was then, " +
    "so its predictions and launch lines may no longer be true.",
  message: ({ path, what }) => `Plan input "${path}" ${what} since the plan was made`,
  help: () => "Make the plan again (stowage plan FILE --out plan.json), or restore the file",
});

export const planPipelineAbsent: MessageKind<{ path: string }> = message({
  code: "STW333",
  severity: "warning",
  title: "The pipeline of a saved plan is not at hand",
  explanation:
    "A saved plan holds all that a run needs, so it can be carried to another host without the pipeline file that it was " +
    "made from. Where the file is at hand, it is compared with what the plan was made from; here it is not.",
  message: ({ path }) =>
    `The pipeline "${path}" is not at hand, so the plan cannot be compared with it`,
  help: () => "Nothing has to be done where the plan was carried here from another host",
});

export const notAPlan: MessageKind<{ path: string; reason: string }> = message({
  code: "STW331",
  title: "File is not a plan",
  explanation: "run accepts a pipeline file (YAML or JSON) or a plan that plan --out has written.",
  message: ({ path, reason }) =>
    `File "${path}" is not a plan that this version can run: ${reason}`,
  help: () => "Make it with: stowage plan FILE --out plan.json",
});

export const unknownCell: MessageKind<{ cell: string; suggestion?: string }> = message({
  code: "STW332",
  title: "Unknown cell",
  explanation: "Cells are named by strategy and axis values, as plan prints them.",
  message: ({ cell }) => `There is no cell "${cell}" in the plan`,
  help: ({ suggestion }) =>
    suggestion === undefined
      ? 'Run "stowage plan FILE", which lists the cells'
      : `Did you mean "${suggestion}"?`,
});
