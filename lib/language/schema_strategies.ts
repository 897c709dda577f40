/** The written form of strategies and of the grid over their options. */
import * as z from "zod";
import { choice, count, flag, mapping, name, quantity, text } from "./schema_values.ts";

const dtype = choice("float32", "float16", "bfloat16", "int8").describe(
  "Type of the weights and of the computation. Default: bfloat16, and float32 on cpu devices. int8 can be planned only.",
);
const attention = choice("eager", "sdpa").describe(
  "Implementation of attention, as in Hugging Face attn_implementation.",
);
const allocator = choice("native", "expandable").describe(
  "PyTorch's caching allocator: fixed or expandable segments. Default: expandable on GPUs where PyTorch has it (2.1).",
);
const cache = choice("dynamic", "static").describe(
  "Key-value cache: grown step by step, or allocated whole beforehand.",
);
const decode = choice("eager", "graph").describe(
  "How the tokens after the first are made: by Hugging Face generate, or by replaying one captured step. Default: " +
    "graph where one process has the model on one GPU and a step for its family, else eager.",
);
const deviceMapWord = choice("auto", "balanced", "balanced_low_0", "sequential").describe(
  "How Accelerate spreads the layers over the devices.",
);
const offloadFolder = text().describe("Folder for the modules that the device map puts on disk.");
const tensorParallel = count(1, 4096).describe(
  "Devices that share each layer. Default: every device of the hardware.",
);
const kernelInject = flag().describe("Replace layers by DeepSpeed's fused kernels.");
const maxOutTokens = count().describe(
  "Tokens, prompt included, that the workspace of the fused kernels has room for.",
);
const checkpoint = choice("unsharded", "presharded").describe(
  "Whether each rank takes its part of a whole checkpoint or reads a file of its own, which stowage shard writes.",
);
const offload = choice("none", "cpu", "nvme").describe("Where parameters live between layers.");
const nvmePath = text().describe("Folder on a fast local disk, for offload: nvme.");
const pinMemory = flag().describe("Keep offloaded parameters in pinned host memory.");
const gather = choice("module", "layer").describe(
  "What ZeRO gathers together, with one pair of hooks: a module, or a whole layer. Default: layer on GPUs where DeepSpeed " +
    "can (0.18) and two layers stay below stage3_max_live_parameters, else module.",
);

const baseOptions = {
  name: name().describe("First part of the ids of its cells. Default: the value of use.")
    .exactOptional(),
  dtype: dtype.exactOptional(),
  allocator: allocator.exactOptional(),
};

const executionOptions = {
  attention: attention.default("eager"),
  cache: cache.default("dynamic"),
  decode: decode.exactOptional(),
};

const memoryKeyPhrase = "an index of a device, or cpu";
const deviceMapPhrase = "a device index, cpu or disk";

const accelerateUse = {
  use: z.literal("accelerate").describe(
    "Hugging Face Accelerate: one process, layers spread over the devices.",
  ),
};

const accelerateOptions = {
  ...executionOptions,
  deviceMap: z.union(
    [
      deviceMapWord,
      z.record(
        z.string(),
        z.union(
          [count(0, 4096), z.string().regex(/^(\d{1,4}|cpu|disk|cuda:\d{1,4})$/, deviceMapPhrase)],
          deviceMapPhrase,
        ),
      ).describe('Module name to device index, cpu or disk; "" is the whole model.'),
    ],
    "auto, balanced, balanced_low_0, sequential or a mapping of modules to devices",
  ).default("auto").describe("How Accelerate spreads the layers over the devices."),
  maxMemory: z.record(
    z.string().regex(/^(\d{1,4}|cpu)$/, memoryKeyPhrase),
    quantity("size", "zero"),
  )
    .describe("Most bytes of weights for each device index and for cpu.").exactOptional(),
  offloadFolder: offloadFolder.exactOptional(),
};

const dsInferenceUse = {
  use: z.literal("ds-inference").describe(
    "DeepSpeed-Inference: tensor parallelism, one rank for each device.",
  ),
};

const dsInferenceOptions = {
  ...executionOptions,
  tensorParallel: tensorParallel.exactOptional(),
  kernelInject: kernelInject.default(false),
  maxOutTokens: maxOutTokens.exactOptional(),
  checkpoint: checkpoint.default("unsharded"),
};

const dsZeroUse = {
  use: z.literal("ds-zero").describe(
    "DeepSpeed ZeRO-Inference: stage 3, parameters gathered layer by layer.",
  ),
};

const dsZeroOptions = {
  ...executionOptions,
  offload: offload.default("none"),
  nvmePath: nvmePath.exactOptional(),
  pinMemory: pinMemory.default(true),
  gather: gather.exactOptional(),
  config: z.record(z.string(), z.unknown()).exactOptional().describe(
    "DeepSpeed's own configuration keys, merged over the generated ones.",
  ),
};

const accelerate = mapping({ ...accelerateUse, ...baseOptions, ...accelerateOptions });
const dsInference = mapping({ ...dsInferenceUse, ...baseOptions, ...dsInferenceOptions });
const dsZero = mapping({ ...dsZeroUse, ...baseOptions, ...dsZeroOptions });

const standIns = {
  accelerate: mapping({ ...accelerateUse, ...accelerateOptions }),
  "ds-inference": mapping({ ...dsInferenceUse, ...dsInferenceOptions }),
  "ds-zero": mapping({ ...dsZeroUse, ...dsZeroOptions }),
};

const predictAs = z.union(
  [
    choice("accelerate", "ds-inference", "ds-zero").describe("The strategy with its defaults.")
      .transform((use) => standIns[use].parse({ use })),
    z.discriminatedUnion("use", [
      standIns.accelerate,
      standIns["ds-inference"],
      standIns["ds-zero"],
    ]),
  ],
  "the name of a strategy or a mapping with the key use",
).describe("The strategy whose prediction stands beside what the command measured.");

const MAX_WORDS = 200;

const script = mapping({
  use: z.literal("script").describe(
    "A command of your own, a process for each cell, that prints a stats block.",
  ),
  ...baseOptions,
  command: z.array(text(), "a list of words").min(1, "a list of at least one word")
    .max(MAX_WORDS, `at most ${MAX_WORDS} words`)
    .describe(
      "Program and arguments, which no shell reads. {{ batchSize }}, {{ tokens }}, {{ model }} and others are filled in.",
    ),
  predictAs: predictAs.exactOptional(),
});

const strategiesByUse = { accelerate, "ds-inference": dsInference, "ds-zero": dsZero, script };

/** What a strategy can use. */
export type Use = keyof typeof strategiesByUse;

export const USES: readonly Use[] = Object.keys(strategiesByUse) as Use[];

const useWord = choice("accelerate", "ds-inference", "ds-zero")
  .describe("The strategy with its defaults.")
  .transform((use) => strategiesByUse[use].parse({ use }));

/** One strategy: a word, or a mapping told apart by `use`. */
export const strategySchema = z.union(
  [useWord, z.discriminatedUnion("use", [accelerate, dsInference, dsZero, script])],
  "the name of a strategy or a mapping with the key use",
);

/** A strategy as written, with constant defaults filled in. */
export type WrittenStrategy = z.output<typeof strategySchema>;

/** The options of a strategy, by what it uses. */
export function optionsOf(use: Use): readonly string[] {
  return Object.keys(strategiesByUse[use].shape).filter((key) => key !== "use" && key !== "name");
}

const axisValues = {
  batchSize: count().describe("Sequences that are generated together."),
  promptTokens: count().describe("Length of every prompt in tokens."),
  newTokens: count().describe("Tokens to generate for every prompt."),
  dtype,
  attention,
  cache,
  allocator,
  decode,
  deviceMap: deviceMapWord,
  offloadFolder,
  tensorParallel,
  kernelInject,
  maxOutTokens,
  checkpoint,
  offload,
  nvmePath,
  pinMemory,
  gather,
};

/** The axes that belong to no strategy. */
export const LENGTH_AXES: readonly string[] = ["batchSize", "promptTokens", "newTokens"];

function axis<T extends z.ZodType>(value: T): z.ZodExactOptional<z.ZodArray<T>> {
  const values = z.array(value, "a list of values").min(1, "a list of at least one value");
  const described = value.description === undefined ? values : values.describe(value.description);
  return described.exactOptional();
}

function mapShape<R extends z.ZodType>(make: (value: z.ZodType) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(axisValues).map(([key, value]) => [key, make(value)]));
}

const entry = mapping({
  strategy: text().describe("Name of a strategy; without it, all of them.").exactOptional(),
  ...mapShape((value) => value.exactOptional()),
});

/** Each cell is compared with each entry. */
const MAX_ENTRIES = 1000;

const entries = z.array(entry, "a list of mappings")
  .max(MAX_ENTRIES, `at most ${MAX_ENTRIES} entries`).exactOptional();

/** The grid: axes with their values, cells to add and cells to take away. */
export const gridSchema = mapping({
  ...mapShape(axis),
  include: entries.describe(
    "Cells to add, each given by values of axes; strategy: names the one that they are of.",
  ),
  exclude: entries.describe(
    "Cells to take away: those that agree with every key of an entry; strategy: is one.",
  ),
});
