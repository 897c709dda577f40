/** Parameters for every message of the catalogue: the types refuse to leave one out. */
import type { MessageKind } from "../../lib/diagnostics/diagnostic.ts";
import type * as areas from "../../lib/diagnostics/messages/mod.ts";

/** Parameters by area and message. */
export type Samples = {
  readonly [A in keyof typeof areas]: {
    readonly [M in keyof typeof areas[A]]: typeof areas[A][M] extends MessageKind<infer P> ? P
      : never;
  };
};

const stack = "current";
const log = "/cache/environments/current/install.log";
const python = "/usr/bin/python3";

/** One occurrence of each message. */
export const samples: Samples = {
  languageFile: {
    invalidYaml: { problem: "the closing ] is missing", advice: "Add the ]" },
    duplicateKey: { key: "model" },
    tooManyValues: { limit: 50_000 },
    badAlias: { alias: "bloom", contained: false },
    severalDocuments: {},
    notMapping: { found: "a list" },
    emptyFile: {},
    notText: { reason: "it has NUL characters" },
    fileTooLarge: { bytes: 9_000_000, limitBytes: 1_048_576 },
    nestedTooDeeply: { limit: 64 },
    unsupportedYaml: { what: "A tag", advice: "Remove the tag" },
  },
  languageValue: {
    unknownKey: {
      key: "modle",
      where: "the pipeline",
      allowed: ["model", "hardware"],
      suggestion: "model",
    },
    missingKey: { key: "model", where: "the pipeline", example: "bigscience/bloom-560m" },
    wrongType: { where: "grid.batchSize", expected: "a list of values", found: "8" },
    notChoice: {
      where: "strategies[0].dtype",
      found: '"bf16"',
      choices: ["float32", "bfloat16"],
      suggestion: "bfloat16",
    },
    outOfRange: {
      where: "grid.batchSize[0]",
      found: "0",
      requirement: "a whole number from 1 to 1000000",
    },
    badQuantity: {
      where: "budget.host",
      found: '"-1GB"',
      problem: "it is negative",
      example: "512GB",
    },
    wrongUnit: {
      where: "budget.device",
      unit: "Gb",
      accepted: ["GB", "GiB"],
      suggestion: "GB",
    },
    versionIsNumber: { where: "stack.torch", written: "2.10", read: "2.1" },
    malformedText: {
      where: "name",
      found: '"a b"',
      expected: "a name of letters, digits, dots, underscores and dashes",
    },
  },
  languageMeaning: {
    strategyNameShared: { name: "accelerate", named: false },
    samplingRefused: {},
    weightsUnclear: { found: '"randon"', suggestion: "random" },
    modelUnclear: {},
    hardwareUnclear: {},
    hardwareMixed: { keys: ["devices", "memory"] },
    nvmePathMissing: {},
    offloadFolderMissing: {},
    promptFileMissing: {},
    lengthsContradict: { problem: "min_new_tokens is 6, and 5 are generated" },
    noRoomForNewTokens: { maxLength: 8, promptTokens: 8 },
    axisUnused: {
      axis: "tensorParallel",
      uses: ["accelerate", "ds-zero"],
      ownedBy: ["ds-inference"],
    },
    tooManyCells: { count: "400,000", limit: 100_000 },
    noCells: {},
    unknownStrategyName: { name: "zero", names: ["accelerate", "ds-zero"] },
    entryFitsNoStrategy: { options: ["tensorParallel", "offload"] },
    duplicateAxisValue: { axis: "batchSize", value: "1" },
    excludeMatchesNothing: {},
    includeRepeats: { id: "accelerate/batchSize=2" },
    noEffect: {
      key: "maxMemory",
      reason: "the deviceMap places every module",
      advice: "Remove it",
    },
    furtherMistakes: { count: 1234 },
  },
  input: {
    pipelineMissing: { path: "pipelines/tiny.yml", suggestion: "pipelines/tiny.yaml" },
    pipelineIsFolder: { path: "pipelines" },
    pipelineUnreadable: { path: "tiny.yaml", reason: "permission denied" },
    outputUnwritable: { path: "out/plan.json", reason: "no such folder" },
  },
  catalog: {
    unknownModel: { name: "bigscience/bloom-560", suggestion: "bigscience/bloom-560m" },
    unknownHardware: { name: "jean-zay", suggestion: undefined },
    unknownDevice: { kind: "A100-80GB", suggestion: "A100-SXM4-80GB" },
    incompleteDevice: { kind: "mine", missing: ["bandwidth", "flops"] },
    budgetAboveDevice: { kind: "V100-SXM2-32GB", budgetBytes: 80e9, memoryBytes: 32e9 },
    unknownStack: { name: "2022-7", suggestion: "2022-07" },
    unknownPackage: { name: "pytorch", suggestion: "torch" },
    badVersion: { name: "torch", version: "latest" },
    modelPathMissing: { path: "./models/bloom" },
    configUnreadable: { path: "./config.json", reason: "it is not JSON" },
    configWithoutType: { where: "model.config" },
    weightsMissing: { path: "./models/bloom", reason: "it has no weight files" },
    brokenWeights: { path: "./model.safetensors", reason: "the header is cut off" },
    fileUnreadable: { path: "./config.json", reason: "permission denied" },
  },
  plan: {
    impossibleConfig: { reason: "hidden_size is missing" },
    unsupportedModelType: { modelType: "mamba", supported: ["bloom"], estimate: undefined },
    headsNotDivisible: { heads: 16, ranks: 5, available: 8 },
    tooManyRanks: { ranks: 16, available: 8 },
    offloadNeedsFolder: {},
    nvmeNeedsPath: {},
    kernelInjectNeedsGpu: {},
    offloadOnCpu: { offload: "nvme" },
    severalNodes: { use: "accelerate" },
    beyondPositions: { tokens: 4096, positions: 2048 },
    beyondExactIntegers: { cell: "accelerate/batchSize=1000000" },
    unreadablePrompts: { path: "./prompts.txt", reason: "it does not exist" },
    unknownDevices: { devices: [8, 9], available: 8 },
    modulesWithoutDevice: { module: "transformer.h.1", count: 3 },
    planChanged: { path: "pipelines/tiny.yaml", what: "has changed" },
    planPipelineAbsent: { path: "pipelines/tiny.yaml" },
    notAPlan: { path: "plan.json", reason: "cells: expected a list" },
    unknownCell: { cell: "accelerate/batchSize=3", suggestion: "accelerate/batchSize=32" },
  },
  environment: {
    pythonNotFound: { tried: ["python3.11", "python3"] },
    pythonUnsupported: { found: [{ path: python, version: "3.8.10" }] },
    venvMissing: { python, version: "3.11.2" },
    compilerMissing: { compiler: "c++" },
    headersMissing: { python, path: "/usr/include/python3.11/Python.h" },
    environmentDiskSpace: { path: "/cache", free: "1.0 GiB", needed: "3.0 GiB" },
    installNetwork: { stack, reason: "connection refused", log },
    installVersionMissing: { stack, requirement: "torch==2.13.0", log },
    installDiskFull: { stack, path: "/cache", log },
    installFailed: { stack, reason: "pip ended with code 1", log },
    versionsDiffer: {
      python,
      stack,
      differences: [
        { name: "torch", installed: "2.11.0", wanted: "2.13.0" },
        { name: "deepspeed", installed: undefined, wanted: "0.19.8" },
      ],
    },
    packagesMissing: { python, names: ["torch", "deepspeed"] },
    interpreterFails: { python, reason: "it ended with code 127" },
    extensionBuildFailed: { reason: "c++: error", log },
    environmentLock: { path: "/cache/environments/current.lock", reason: "permission denied" },
    cacheNotWritable: { path: "/cache", reason: "read-only file system" },
    stackNotInstallable: { stack: "2022-07" },
    preparationInterrupted: {},
  },
  run: {
    stackNotRunnable: { stack: "2022-07", runnable: ["current"] },
    hardwareMissing: { wanted: "8x A100-SXM4-80GB", found: "no GPU" },
    severalHosts: { nodes: 2 },
    checkpointFailed: { reason: "it ended with code 1", log },
    noDiskSpace: { folder: "/cache", need: "328.3 GiB", free: "10.0 GiB" },
    runFolderFailed: { folder: "runs/bloom", reason: "permission denied" },
    nothingToRun: { predictedOom: "skip" },
    launchFailed: { session: "ds-zero", reason: "no such program" },
    resultsNotWritten: { path: "runs/bloom/results.json", reason: "the disk is full" },
    detectedNeedsPython: {},
    runLocked: { folder: "runs/bloom", holder: "process 12" },
    journalFailed: {
      path: "runs/bloom/journal.jsonl",
      reason: "the disk is full",
      folder: "runs/bloom",
    },
    notARun: { folder: "runs", reason: "no such file" },
    leftoversEnded: { processes: ["12 (python worker.py)"] },
    cellUnknown: { word: "al", suggestion: "all" },
  },
  bug: {
    unforeseen: {
      what: "TypeError: x is not a function",
      version: "0.1.0",
      platform: "deno 2.9.6, linux x86_64",
      argv: ["plan", "tiny.yaml"],
    },
  },
  report: {
    runMissing: { path: "runs/bloom" },
    runWithoutResults: { path: "runs/bloom" },
    notResults: { path: "runs/bloom/results.json", reason: "cells: expected a list" },
    unknownCode: { code: "STW999" },
    cellNotNamed: { path: "tiny.yaml", cells: ["accelerate/batchSize=1"] },
    notMeasured: { path: "h100.jsonl", reason: "it does not exist" },
    nothingPublished: { path: "tiny.yaml" },
  },
};
