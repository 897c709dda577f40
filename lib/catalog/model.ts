/** Resolves the `model` block: a catalog name, a path or an inline config to a config that is known. */
import { isAbsolute, join, resolve } from "node:path";
import type { Diagnostic, Outcome } from "../diagnostics/diagnostic.ts";
import {
  configUnreadable,
  configWithoutType,
  modelPathMissing,
  weightsMissing,
} from "../diagnostics/messages/catalog.ts";
import type { HfConfig, ModelSpec } from "../language/pipeline.ts";
import { findShards } from "../shards/find.ts";
import type { FileReader, FileStat } from "./files.ts";
import { readJsonObject, reasonOf } from "./json_file.ts";
import { findModel, modelUnknown } from "./model_facts.ts";
import type { Model } from "./types.ts";
import { readCheckpoint } from "./weights.ts";

const MAX_CONFIG_BYTES = 4 * 2 ** 20;
const PLACE = { path: ["model"] };

/**
 * Resolves a model. Nothing is downloaded, and of weight files only the headers are read.
 *
 * @param baseDirectory Absolute folder of the pipeline file, where relative paths start.
 */
export function resolveModel(
  spec: ModelSpec,
  baseDirectory: string,
  files: FileReader,
): Outcome<Model> {
  const config = resolveConfig(spec, baseDirectory, files);
  if (config.value === undefined) return { diagnostics: config.diagnostics };
  const model: Model = {
    name: spec.name,
    config: config.value.config,
    weights: spec.weights,
    files: config.value.files,
    weightFiles: [],
  };
  if (spec.weights !== "files") return { value: model, diagnostics: config.diagnostics };

  const folder = spec.weightsPath === undefined
    ? config.value.folder
    : absolute(baseDirectory, spec.weightsPath);
  if (folder === undefined) {
    const reason = "the pipeline names no folder of weights";
    return { diagnostics: [weightsMissing({ path: spec.name, reason }, PLACE)] };
  }
  const checkpoint = readCheckpoint(folder, files);
  if (checkpoint.value === undefined) return { diagnostics: checkpoint.diagnostics };
  const { tensors, isShards } = checkpoint.value;
  const shards = isShards === undefined
    ? findShards(folder, checkpoint.value.weightFiles, files)
    : { ranks: [isShards], manifests: [], misplaced: new Map() };
  return {
    value: {
      ...model,
      weightsPath: folder,
      ...(tensors === undefined ? {} : { tensors }),
      ...(shards.ranks.length === 0 ? {} : { shardedFor: shards.ranks }),
      ...(shards.misplaced.size === 0 ? {} : { misplacedShards: shards.misplaced }),
      ...(isShards === undefined ? {} : { isSharded: true }),
      files: [...model.files, ...checkpoint.value.files, ...shards.manifests],
      weightFiles: checkpoint.value.weightFiles,
    },
    diagnostics: [...config.diagnostics, ...checkpoint.diagnostics],
  };
}

interface ResolvedConfig {
  readonly config: HfConfig;
  readonly files: readonly string[];
  /** Folder that the config was read from. */
  readonly folder?: string;
}

function resolveConfig(
  spec: ModelSpec,
  baseDirectory: string,
  files: FileReader,
): Outcome<ResolvedConfig> {
  if (spec.config !== undefined) {
    return withType({ config: spec.config, files: [] }, "in model.config");
  }
  if (spec.path !== undefined) {
    return readConfig(spec.path, absolute(baseDirectory, spec.path), files);
  }
  const name = spec.catalog ?? spec.name;
  const fact = findModel(name);
  if (fact !== undefined) return { value: { config: fact.config, files: [] }, diagnostics: [] };
  return failure(modelUnknown(name, isThere(absolute(baseDirectory, name), files)));
}

/** Whether something is at a path that may not be read, too. */
function isThere(path: string, files: FileReader): boolean {
  try {
    return files.stat(path) !== null;
  } catch {
    return false;
  }
}

function readConfig(
  written: string,
  path: string,
  files: FileReader,
): Outcome<ResolvedConfig> {
  let kind: FileStat["kind"] | undefined;
  try {
    kind = files.stat(path)?.kind;
  } catch (error) {
    return failure(configUnreadable({ path: written, reason: reasonOf(error) }, PLACE));
  }
  if (kind === undefined) return failure(modelPathMissing({ path: written }, PLACE));
  const configPath = kind === "directory" ? join(path, "config.json") : path;
  const read = readJsonObject(configPath, files, MAX_CONFIG_BYTES);
  if ("problem" in read) {
    return failure(configUnreadable({ path: configPath, reason: read.problem }, PLACE));
  }
  const folder = kind === "directory" ? path : join(path, "..");
  return withType({ config: read.object, files: [configPath], folder }, `"${configPath}"`);
}

function withType(resolved: ResolvedConfig, where: string): Outcome<ResolvedConfig> {
  const type = resolved.config["model_type"];
  return typeof type === "string" && type !== ""
    ? { value: resolved, diagnostics: [] }
    : failure(configWithoutType({ where }, PLACE));
}

function absolute(baseDirectory: string, path: string): string {
  return isAbsolute(path) ? resolve(path) : join(baseDirectory, path);
}

function failure<T>(diagnostic: Diagnostic): Outcome<T> {
  return { diagnostics: [diagnostic] };
}
