/**
 * The written form of a pipeline: what a file may say, sugar included. The types here check each value by
 * itself and describe it to editors; what values mean together is for `normalize.ts`.
 */
import * as z from "zod";
import { gridSchema, strategySchema } from "./schema_strategies.ts";
import {
  choice,
  count,
  deviceCount,
  flag,
  mapping,
  name,
  quantity,
  text,
} from "./schema_values.ts";
import { DEVICES_PATTERN } from "./units.ts";

const hfConfig = z.record(z.string(), z.unknown()).describe(
  "Keys of a Hugging Face config.json, verbatim.",
);

const model = z.union(
  [
    text().describe("A name of the catalog, a folder of a checkpoint or a config.json."),
    mapping({
      name: text().describe("Name of the model; without config, the name to look up.")
        .exactOptional(),
      config: z.union([text(), hfConfig], "the path of a config.json or a mapping of its keys")
        .describe("A config.json: its path, or its keys.").exactOptional(),
      weights: text().describe(
        "random (a seeded checkpoint in the cache), on-device (no file), or the folder of real files.",
      ).exactOptional(),
    }),
  ],
  "the name of a model, a path or a mapping",
).describe("The model to serve.");

const devices = z.union(
  [
    deviceCount().describe('Devices of a node, such as "8x A100-SXM4-80GB" or "2x cpu".'),
    mapping({
      count: count(1, 4096).default(1).describe("Devices of a node."),
      kind: name().describe("Name of the device; in the catalog unless memory is given."),
      memory: quantity("size").exactOptional().describe("Memory of one device."),
      bandwidth: quantity("rate").exactOptional().describe("Rate of device memory."),
      flops: quantity("flops").exactOptional().describe("Dense rate in the dtype that is used."),
      link: quantity("rate").exactOptional().describe(
        "Rate in one direction to another device of the node.",
      ),
    }),
  ],
  'a count and a kind such as "8x A100-SXM4-80GB", or a mapping',
);

const hardware = z.union(
  [
    // Editors see the pattern; what is wrong with a text is for later stages to say.
    text().meta({
      description: 'A node of the catalog, or devices such as "2x cpu".',
      pattern: DEVICES_PATTERN,
    }),
    mapping({
      name: name().describe("A node of the catalog; then only nodes may stand beside it.")
        .exactOptional(),
      nodes: count(1, 100_000).default(1).describe("Number of nodes, all alike."),
      devices: devices.describe("Devices of a node.").exactOptional(),
      memory: quantity("size").exactOptional().describe("Host memory of a node."),
      disk: quantity("rate").exactOptional().describe(
        "Rate at which a node reads checkpoints. Default: 2GB/s.",
      ),
    }),
  ],
  "the name of a node, devices or a mapping",
).describe("The machine to plan for; numbers are for one node.");

const version = z.string("a version in quotes").regex(
  /^[0-9][0-9A-Za-z.+!_-]{0,63}$/,
  'a version such as "2.10.0"',
);

const stack = z.union(
  [
    name().describe("A named set of versions."),
    z.record(name(), version).refine(
      (versions) => Object.keys(versions).length > 0,
      "at least one package with its version",
    ).meta({ description: "Package name to version.", minProperties: 1 }),
  ],
  "the name of a stack or a mapping of packages to versions",
).default("current").describe("Library versions.");

const generate = mapping({
  max_new_tokens: count().exactOptional().describe("New tokens for every prompt. Default: 100."),
  min_new_tokens: count(0).exactOptional().describe("Least number of new tokens."),
  max_length: count().exactOptional().describe("Length of prompt and new tokens together."),
  min_length: count(0).exactOptional().describe("Least length of prompt and new tokens together."),
  do_sample: flag().default(false).describe("Has to be false: strategies are compared by tokens."),
}).describe("Arguments of Hugging Face generate, in its spelling.");

const source = choice("synthetic", "builtin", "file").describe(
  "Seeded token ids, a built-in set of sentences, or a file with one prompt a line.",
);

const prompts = z.union(
  [
    source,
    mapping({
      tokens: count().default(8).describe("Every prompt is padded or cut to this many tokens."),
      source: source.exactOptional(),
      file: text().describe("Path of the file, relative to the pipeline.").exactOptional(),
    }),
  ],
  "synthetic, builtin or a mapping",
).describe("What the model continues.");

const budget = mapping({
  device: quantity("size").exactOptional().describe("The most that one device may hold in all."),
  host: quantity("size").exactOptional().describe(
    "The most that all processes of a node may hold.",
  ),
  predictedOom: choice("skip", "run", "only").default("skip").describe(
    "What run does with cells that are predicted to run out of memory.",
  ),
}).describe("Caps on memory, enforced in the workers too.");

const benchmark = mapping({
  warmup: count(0, 1000).default(1).describe("Untimed generations before the timed ones."),
  cycles: count(1, 1000).default(5).describe("Timed generations."),
  timeout: quantity("duration").default(1800).describe("A cell that takes longer is ended."),
}).describe("How each cell is measured.");

const environment = mapping({
  python: text().describe("A Python interpreter that already has the stack.").exactOptional(),
}).describe("Where the workers run.");

const execution = mapping({
  sessions: count(1, 64).default(1).describe(
    "Most sessions that run side by side, each on devices of its own.",
  ),
}).describe("How sessions are run.");

const MAX_STRATEGIES = 1000;

/** The whole file. */
export const pipelineSchema = mapping({
  name: name().describe("Name of the pipeline. Default: the name of the file.").optional(),
  model,
  hardware,
  stack,
  generate: generate.prefault({}),
  prompts: prompts.prefault({}),
  strategies: z.array(strategySchema, "a list of strategies").min(1, "at least one strategy")
    .max(MAX_STRATEGIES, `at most ${MAX_STRATEGIES} strategies`)
    .describe("The ways of serving the model that are compared."),
  grid: gridSchema.prefault({}).describe("Batches, lengths and options to try: a matrix."),
  budget: budget.prefault({}),
  benchmark: benchmark.prefault({}),
  execution: execution.prefault({}),
  environment: environment.prefault({}),
  seed: count(0, 2 ** 32 - 1).default(0).describe("Seeds random weights and synthetic prompts."),
});

/** A file that the schema accepts, constant defaults filled in and quantities as plain numbers. */
export type WrittenPipeline = z.output<typeof pipelineSchema>;
