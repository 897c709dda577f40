/** What the catalog has to say: models, hardware and stacks that it cannot resolve (STW2xx). */
import { message, type MessageKind } from "../diagnostic.ts";
import { listWords } from "../quote.ts";

function didYouMean(suggestion: string | undefined, otherwise: string): string {
  return suggestion === undefined ? otherwise : `Did you mean "${suggestion}"? ${otherwise}`;
}

function gib(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(2);
}

/** The model is not in the catalog. */
export const unknownModel: MessageKind<{ name: string; suggestion: string | undefined }> = message({
  code: "STW201",
  title: "The model is not in the catalog",
  explanation: "A model is named by its catalog name, by a path or by its config. " +
    '"stowage ls models" lists the catalog. Every other model is described by its Hugging Face config.json: give the ' +
    "path of a folder or of a config.json (it must start with ./, ../ or /), or write the config into the " +
    "pipeline as model.config. Nothing is downloaded: a name of the Hugging Face Hub that the catalog lacks " +
    "must be there as a local copy.",
  message: ({ name }) => `The catalog has no model "${name}"`,
  help: ({ suggestion }) =>
    didYouMean(
      suggestion,
      'Run "stowage ls models", or name the model by a path (./folder or ./config.json) or by model.config',
    ),
});

/** The hardware is not in the catalog. */
export const unknownHardware: MessageKind<{ name: string; suggestion: string | undefined }> =
  message({
    code: "STW202",
    title: "The hardware is not in the catalog",
    explanation:
      "Hardware is the name of a node in the catalog, such as jean-zay-a100-8, or is spelled out: nodes, devices, " +
      'memory and disk. "stowage ls hardware" lists the nodes and the devices. Names are compared without regard ' +
      "to case.",
    message: ({ name }) => `The catalog has no hardware "${name}"`,
    help: ({ suggestion }) =>
      didYouMean(
        suggestion,
        'Run "stowage ls hardware", or spell it out: { devices: 8x A100-SXM4-80GB, memory: 512GB }',
      ),
  });

/** The device is not in the catalog. */
export const unknownDevice: MessageKind<{ kind: string; suggestion: string | undefined }> = message(
  {
    code: "STW203",
    title: "The device is not in the catalog",
    explanation:
      "A device is named by its kind, such as A100-SXM4-80GB, or is the word cpu, which stands for one worker " +
      'process on any host. "stowage ls hardware" lists the kinds. A device that the catalog lacks can be ' +
      "described: kind, count, memory, bandwidth and flops, and link where there is more than one.",
    message: ({ kind }) => `The catalog has no device "${kind}"`,
    help: ({ suggestion }) =>
      didYouMean(
        suggestion,
        'Run "stowage ls hardware", or describe it: devices: { kind: X, count: 4, memory: 192GB, ' +
          "bandwidth: 5300GB/s, flops: 1300TFLOPS, link: 64GB/s }",
      ),
  },
);

/** A device that the catalog lacks is not described in full. */
export const incompleteDevice: MessageKind<{ kind: string; missing: readonly string[] }> = message({
  code: "STW204",
  title: "A device that the catalog lacks is not described in full",
  explanation:
    "The catalog does not know this kind of device, so the pipeline has to say what a prediction needs: memory " +
    "(bytes that PyTorch can use), bandwidth (bytes per second of device memory), flops (dense FLOP/s, taken " +
    "for every dtype) and, with more than one device, link (bytes per second in one direction to another " +
    "device). The vendor's data sheet has these numbers.",
  message: ({ kind, missing }) =>
    `The catalog does not know the device "${kind}" and the pipeline does not give its ${
      listWords(missing)
    }`,
  help: ({ missing }) => `Add ${listWords(missing)} to hardware.devices`,
});

/** The budget of a device is more than the device has. */
export const budgetAboveDevice: MessageKind<
  { kind: string; budgetBytes: number; memoryBytes: number }
> = message({
  code: "STW205",
  severity: "warning",
  title: "The budget of a device is more than the device has",
  explanation:
    "budget.device caps what one device may hold. A cap above the memory of the device has no effect: the " +
    "memory of the device is the limit then. Most often a unit is wrong (80GB of a data sheet are not 80GiB), " +
    "or the pipeline was moved to a smaller device.",
  message: ({ kind, budgetBytes, memoryBytes }) =>
    `The budget of ${gib(budgetBytes)} GiB is more than the ${
      gib(memoryBytes)
    } GiB that a ${kind} has`,
  help: () => "Lower budget.device, or leave it out",
});

/** The stack is not in the catalog. */
export const unknownStack: MessageKind<{ name: string; suggestion: string | undefined }> = message({
  code: "STW206",
  title: "The stack is not in the catalog",
  explanation:
    "A stack is a set of library versions: a name of the catalog (current, 2022-07, 2022-09) or the versions " +
    "spelled out by package. Predictions look behaviours up by version, so a plan needs to know them. Quote a " +
    'name that looks like a date: stack: "2022-07".',
  message: ({ name }) => `The catalog has no stack "${name}"`,
  help: ({ suggestion }) =>
    didYouMean(
      suggestion,
      'Run "stowage ls stacks", or spell the versions out: { torch: "2.13.0" }',
    ),
});

/** A stack names a package that predictions do not depend on. */
export const unknownPackage: MessageKind<{ name: string; suggestion: string | undefined }> =
  message({
    code: "STW207",
    title: "A stack names a package that predictions do not depend on",
    explanation:
      "The versions of a stack are those of torch, transformers, accelerate, deepspeed and bitsandbytes, under " +
      "their names on PyPI. Packages that are left out are taken from the stack current.",
    message: ({ name }) => `A stack has no package "${name}"`,
    help: ({ suggestion }) =>
      didYouMean(
        suggestion,
        "The packages are torch, transformers, accelerate, deepspeed and bitsandbytes",
      ),
  });

/** A version cannot be read. */
export const badVersion: MessageKind<{ name: string; version: string }> = message({
  code: "STW208",
  title: "A version cannot be read",
  explanation:
    "Versions are written as on PyPI, in full: 2.13.0, 0.19.8, 2.6.0+cu124, 1.0.0rc1. Ranges and names such as " +
    '"latest" are not versions. Quote a version in YAML, for a number such as 2.10 would lose its last digit.',
  message: ({ name, version }) => `The version "${version}" of ${name} is not a version`,
  help: ({ name }) => `Write it in full, such as ${name}: "2.13.0"`,
});

/** The model's folder or config.json does not exist. */
export const modelPathMissing: MessageKind<{ path: string }> = message({
  code: "STW210",
  title: "The model's folder or config.json does not exist",
  explanation:
    "model names a path, and nothing is there. A relative path starts at the folder of the pipeline file. A " +
    "folder must hold a config.json; a path may also name a config.json directly, under any name that ends in " +
    ".json.",
  message: ({ path }) => `The model path "${path}" does not exist`,
  help: () => "Check the path; it is relative to the pipeline file",
});

/** The model's config.json cannot be used. */
export const configUnreadable: MessageKind<{ path: string; reason: string }> = message({
  code: "STW211",
  title: "The model's config.json cannot be used",
  explanation:
    "A config.json is a JSON object of at most 4 MiB that says what the model is, as save_pretrained of " +
    "Hugging Face writes it. This one could not be read as such; the message has the reason. A file of a few " +
    "lines that starts with the word version is a pointer of Git LFS: the real file was not fetched.",
  message: ({ path, reason }) => `Cannot use the config "${path}": ${reason}`,
  help: () => "Fetch or write the config.json again, as save_pretrained writes it",
});

/** The model's config has no model_type. */
export const configWithoutType: MessageKind<{ where: string }> = message({
  code: "STW212",
  title: "The model's config has no model_type",
  explanation:
    "The key model_type says which family a config belongs to (bloom, llama, ...), and with it what all other " +
    "keys mean. A config.json of Hugging Face has it since transformers 2; configs written by hand often lack it.",
  message: ({ where }) => `The config ${where} has no "model_type"`,
  help: () => 'Add the family, for example "model_type": "bloom"',
});

/** The folder has no weights. */
export const weightsMissing: MessageKind<{ path: string; reason: string }> = message({
  code: "STW213",
  title: "The folder has no weights",
  explanation:
    "model.weights says that the weights are files, and the folder does not have them: it needs " +
    "model.safetensors, or model.safetensors.index.json with its shards, or pytorch_model*.bin. Weights can " +
    "also be made up: weights: random writes a seeded checkpoint into the cache, on-device makes them where " +
    "they will live. Nothing is downloaded.",
  message: ({ path, reason }) => `There are no weights in "${path}": ${reason}`,
  help: () =>
    "Put the files there; or, to plan and run with random weights, name the config.json in place of the folder, or " +
    "set model.weights to random",
});

/** A weight file is damaged. */
export const brokenWeights: MessageKind<{ path: string; reason: string }> = message({
  code: "STW214",
  title: "A weight file is damaged",
  explanation:
    "The header of a safetensors file says which tensors are inside and where; Stowage reads it to learn their " +
    "exact sizes. This header contradicts itself or the length of the file. The usual cause is a download that " +
    "was cut off, or a pointer file of Git LFS in the place of the real one.",
  message: ({ path, reason }) => `Cannot use the weight file "${path}": ${reason}`,
  help: () => "Fetch the file again and compare its size with the original",
});

/** A file of the model cannot be read. */
export const fileUnreadable: MessageKind<{ path: string; reason: string }> = message({
  code: "STW215",
  title: "A file of the model cannot be read",
  explanation:
    "The file is there and the operating system, or Deno's permissions, did not let it be read. A plan needs " +
    "read permission for the pipeline file and for the model's folder and for nothing else.",
  message: ({ path, reason }) => `Cannot read "${path}": ${reason}`,
  help: () => "Check the permissions of the file, and --allow-read if Deno was given a list",
});
