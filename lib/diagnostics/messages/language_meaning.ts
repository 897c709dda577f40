/** STW140 to STW199: values that are right by themselves and wrong together. */
import { message } from "../diagnostic.ts";
import { listWords, quote } from "../quote.ts";

export const strategyNameShared = message<{ name: string; named: boolean }>({
  code: "STW140",
  title: "Two strategies share a name",
  explanation:
    "The name of a strategy is the first part of the ids of its cells, so it has to be unique. It defaults to what the " +
    "strategy uses; where two strategies use the same, each further one needs a name of its own.",
  message: ({ name }) => `Another strategy has the name ${quote(name)} already`,
  help: ({ named, name }) =>
    named ? "Give it another name" : `Add a name, for example "name: ${name}-2"`,
});

export const samplingRefused = message<Record<string, never>>({
  code: "STW141",
  title: "Sampling is refused",
  explanation:
    "Strategies are compared by the tokens that they generate: with the same weights and prompts they have to agree. " +
    "Sampling draws tokens at random, so runs could not be compared, and every measurement here is greedy. The time " +
    "of one step is nearly the same either way.",
  message: () =>
    "Sampling cannot be used: strategies are compared by their tokens, which needs greedy search",
  help: () => "Write do_sample: false, or leave it out",
});

export const weightsUnclear = message<{ found: string; suggestion?: string }>({
  code: "STW142",
  title: "The weights are neither a word nor a path",
  explanation:
    "Weights are random (a seeded checkpoint is made once and loaded by the real code), on-device (made where they will " +
    "live, without files) or the path of a folder with real files. A path contains a slash or starts with a dot, " +
    "so that a misspelt word is not taken for a folder. Nothing is ever downloaded.",
  message: ({ found }) => `The weights ${found} are neither random, nor on-device, nor a path`,
  help: ({ suggestion }) =>
    suggestion === undefined
      ? "Write ./NAME for a folder beside the pipeline file"
      : `Did you mean "${suggestion}"?`,
});

export const modelUnclear = message<Record<string, never>>({
  code: "STW143",
  title: "Nothing says what the model is",
  explanation:
    "A model is a name of the catalog, a folder or config.json, or a mapping with a configuration written out. A mapping " +
    "without config is looked up by its name, so it needs at least one of the two.",
  message: () => "The model has neither a name nor a config",
  help: () => 'Add "name: bigscience/bloom-560m", or a config',
});

export const hardwareUnclear = message<Record<string, never>>({
  code: "STW144",
  title: "Nothing says what the devices are",
  explanation:
    "Hardware is a name of the catalog, or a mapping that says which devices a node has. A mapping needs either name, " +
    "which looks up a whole node in the catalog, or devices.",
  message: () => "The hardware has neither a name nor devices",
  help: () => 'Add "devices: 8x A100-SXM4-80GB", or "devices: 2x cpu"',
});

export const hardwareMixed = message<{ keys: readonly string[] }>({
  code: "STW145",
  title: "Hardware of the catalog is described a second time",
  explanation:
    "A name of the catalog brings its devices, memory and disk with it; only the number of nodes can be set beside it. To " +
    "describe another node, leave the name out and write the devices. To use less of a node, set a budget.",
  message: ({ keys }) => `Hardware with a name of the catalog cannot set ${listWords(keys)}`,
  help: () => "Remove name and describe the node, or keep name and nodes only",
});

export const nvmePathMissing = message<Record<string, never>>({
  code: "STW146",
  title: "Offloading to NVMe needs a path",
  explanation:
    "DeepSpeed writes the parameters into a folder of a fast local disk. There is no default for it: a folder on " +
    "a network disk would be slow, and one in memory would defeat the purpose.",
  message: () => "Offloading to nvme needs nvmePath",
  help: () => 'Add "nvmePath: /local/scratch"',
});

export const offloadFolderMissing = message<Record<string, never>>({
  code: "STW147",
  title: "Offloading to disk needs a folder",
  explanation:
    "The device map puts parts of the model on disk. Accelerate writes them into a folder and refuses to start without " +
    "one. Name a folder on a local disk with room for these parts.",
  message: () => 'The deviceMap puts modules on "disk", and offloadFolder is missing',
  help: () => 'Add "offloadFolder: ./offload"',
});

export const promptFileMissing = message<Record<string, never>>({
  code: "STW148",
  title: "Prompts from a file need the file",
  explanation:
    "The source of the prompts is a file, and no file is named. It is a text file with one prompt a line, and its path " +
    "is relative to the pipeline file. Synthetic prompts need no file.",
  message: () => "The source of the prompts is a file, and none is named",
  help: () => 'Add "file: ./prompts.txt", or use the source synthetic',
});

export const lengthsContradict = message<{ problem: string }>({
  code: "STW149",
  title: "The lengths to generate contradict each other",
  explanation:
    "As in Hugging Face generate, max_new_tokens and min_new_tokens count new tokens alone, while max_length and " +
    "min_length count the prompt too. A benchmark generates exactly the same number of new tokens in every cell, so " +
    "all keys that are given have to allow that number.",
  message: ({ problem }) => `The lengths to generate contradict each other: ${problem}`,
  help: () => "Keep max_new_tokens alone, which says how many tokens every cell generates",
});

export const noRoomForNewTokens = message<{ maxLength: number; promptTokens: number }>({
  code: "STW150",
  title: "The prompt leaves no room for new tokens",
  explanation:
    "max_length counts the prompt too, so a prompt of that length or more leaves nothing to generate. Raise " +
    "max_length, shorten the prompts, or use max_new_tokens, which does not count the prompt.",
  message: ({ maxLength, promptTokens }) =>
    `A prompt of ${promptTokens} tokens leaves no room for new ones with max_length ${maxLength}`,
  help: () => "Use max_new_tokens, which does not count the prompt",
});

export const axisUnused = message<{
  axis: string;
  /** What the strategies of the pipeline use. */
  uses: readonly string[];
  /** The strategy that an entry of include or exclude names. */
  strategy?: string;
  /** The strategies that do have the option. */
  ownedBy: readonly string[];
}>({
  code: "STW151",
  title: "An axis belongs to no strategy of the pipeline",
  explanation:
    "An axis of the grid is batchSize, promptTokens, newTokens or an option of a strategy. A strategy that lacks the " +
    "option does not vary along it, and where no strategy has it the axis would do nothing.",
  message: ({ axis, uses, strategy }) =>
    strategy === undefined
      ? `No strategy of this pipeline has the option ${quote(axis)}: it uses ${listWords(uses)}`
      : `The strategy ${quote(strategy)} has no option ${quote(axis)}: it uses ${listWords(uses)}`,
  help: ({ ownedBy, strategy }) =>
    `It is an option of ${listWords(ownedBy)}: ` +
    (strategy === undefined ? "add such a strategy, or remove the axis" : "name such a strategy"),
});

export const tooManyCells = message<{ count: string; limit: number }>({
  code: "STW152",
  title: "The grid has too many cells",
  explanation:
    "The number of cells is the product of the lengths of all axes, summed over the strategies. It is computed before " +
    "anything is expanded, and before exclude takes cells away. Take values out of the axes, or split the grid into " +
    "several pipelines.",
  message: ({ count, limit }) =>
    `The grid has ${count} cells, and a pipeline may have ${limit.toLocaleString("en")}`,
  help: () => "Take values out of the longest axes",
});

export const noCells = message<Record<string, never>>({
  code: "STW153",
  title: "No cell is left",
  explanation:
    "The entries under exclude take away every cell of the grid, and include adds none. Such a pipeline has nothing to " +
    "plan or run. Remember that an entry of exclude matches all cells that agree with the keys that it names.",
  message: () => "The entries of exclude take away every cell",
  help: () => "Make an entry of exclude more precise by naming more axes",
});

export const unknownStrategyName = message<{
  name: string;
  names: readonly string[];
  suggestion?: string;
}>({
  code: "STW154",
  title: "No strategy has that name",
  explanation:
    "The key strategy in an entry of include or exclude takes the name of a strategy of this pipeline. The name of a " +
    "strategy is what it uses, unless it has a name of its own.",
  message: ({ name }) => `No strategy of this pipeline has the name ${quote(name)}`,
  help: ({ names, suggestion }) =>
    suggestion === undefined
      ? `The names are ${listWords(names)}`
      : `Did you mean "${suggestion}"?`,
});

export const entryFitsNoStrategy = message<{ options: readonly string[] }>({
  code: "STW155",
  title: "An entry of include fits no strategy",
  explanation:
    "An entry of include adds a cell to every strategy that has all of its options. Each option of this entry belongs to " +
    "a strategy of the pipeline, but no strategy has all of them, so the entry would add nothing. Write one entry for " +
    "each strategy instead.",
  message: ({ options }) =>
    `No strategy of this pipeline has all options of this entry: ${listWords(options)}`,
  help: () => "Write one entry for each strategy, with the options that it has",
});

export const duplicateAxisValue = message<{ axis: string; value: string }>({
  code: "STW160",
  severity: "warning",
  title: "An axis lists a value twice",
  explanation:
    "Both values would make the same cell, so the second one is dropped. To repeat a measurement, raise the number of cycles " +
    "of the benchmark.",
  message: ({ axis, value }) => `The axis ${axis} lists ${value} twice, and the second is dropped`,
  help: () => "Remove it; benchmark.cycles repeats measurements",
});

export const excludeMatchesNothing = message<Record<string, never>>({
  code: "STW161",
  severity: "warning",
  title: "An entry of exclude matches no cell",
  explanation:
    "The entry takes nothing away from the grid, which is often a sign of a wrong value. An entry matches the cells that " +
    "agree with every key that it names. Cells that include adds are never taken away.",
  message: () => "This entry of exclude matches no cell",
  help: () => "Compare its values with those of the axes",
});

export const includeRepeats = message<{ id: string }>({
  code: "STW162",
  severity: "warning",
  title: "An entry of include repeats a cell",
  explanation:
    "The grid, or an earlier entry of include, makes the same cell already. It is planned and measured once. An entry " +
    "that names no strategy adds a cell to each of them.",
  message: ({ id }) => `This entry of include repeats the cell ${quote(id, 120)}`,
  help: () => "Remove it, or name other values",
});

export const noEffect = message<{ key: string; reason: string; advice: string }>({
  code: "STW163",
  severity: "warning",
  title: "A key has no effect",
  explanation:
    "The key is accepted where it stands, and other keys make it do nothing. The plan goes on without it. Remove the " +
    "key, or change the one that overrides it, so that the file says what it does.",
  message: ({ key, reason }) => `The key ${key} has no effect: ${reason}`,
  help: ({ advice }) => advice,
});

export const furtherMistakes = message<{ count: number }>({
  code: "STW199",
  severity: "info",
  title: "More was found than is shown",
  explanation:
    "Only the first diagnostics of a file are shown. The rest is often a consequence of the first. Correct these and " +
    "check the file again.",
  message: ({ count }) =>
    count === 1
      ? "One further diagnostic is not shown"
      : `${count.toLocaleString("en")} further diagnostics are not shown`,
  help: () => "Correct the first ones and check the file again",
});
