/** From a checkpoint to a folder with a file for each tensor-parallel rank. */
import { behavioursOf } from "../catalog/behaviours.ts";
import { diskReader } from "../catalog/files.ts";
import type { Model, Stack } from "../catalog/types.ts";
import { type Diagnostic, hasErrors, type Outcome } from "../diagnostics/diagnostic.ts";
import { cannotShard } from "../diagnostics/messages/shards.ts";
import type { ModelShape } from "../model/family.ts";
import type { Module } from "../model/module.ts";
import { autoTpRefuses } from "../strategy/ds_inference/place.ts";
import { VERSION } from "../version.ts";
import { sourceHash } from "./find.ts";
import { groupFiles, type ShardTensor, shardTensors } from "./layout.ts";
import type { ShardManifest } from "./manifest.ts";
import { type ShardsWritten, writeShards } from "./write.ts";

/** What to cut, for whom, and where to put it. */
export interface ShardOptions {
  /** With weights in files. */
  readonly model: Model;
  readonly shape: ModelShape;
  readonly root: Module;
  /** Whose DeepSpeed will load the shards. */
  readonly stack: Stack;
  readonly ranks: number;
  readonly out: string;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
  /** Most bytes of one file. @default 5e9 */
  readonly maxFileBytes?: number;
  /** Whether shards of something else, in the way, may be removed. @default false */
  readonly replace?: boolean;
}

/** Writes the shards, or says why it cannot. Nothing is written before all of it is known to be possible. */
export async function shardCheckpoint(options: ShardOptions): Promise<Outcome<ShardsWritten>> {
  const { model, shape, root, stack, ranks, out, say, signal } = options;
  const { weightsPath = "", tensors = [], weightFiles } = model;
  const problems = cutProblems(options);
  if (hasErrors(problems)) return { diagnostics: problems };
  const behaviours = behavioursOf(stack);
  const cut = shardTensors(root, tensors, {
    ranks,
    hasGrain: behaviours.has("tensor-parallel-grain"),
    cutsHead: behaviours.has("tied-head-cloned"),
  });
  if ("problem" in cut) {
    return { diagnostics: [cannotShard({ path: weightsPath, reason: cut.problem })] };
  }
  const source = sourceHash(weightFiles, diskReader);
  const { maxFileBytes: maxBytes } = options;
  const groups = groupFiles(cut.tensors, {
    ranks,
    source,
    ...(maxBytes === undefined ? {} : { maxBytes }),
  });
  const manifest: ShardManifest = {
    formatVersion: "1.0",
    tool: { name: "stowage", version: VERSION },
    source: { sha256: source },
    modelType: String(model.config["model_type"]),
    tensorParallel: ranks,
    dtypes: [...new Set(cut.tensors.map(({ source }) => source.dtype))],
    stack: stack.versions,
    ranks: Array.from({ length: ranks }, (_, rank) =>
      groups.flatMap(({ files }) => {
        const file = files[rank];
        return file === undefined
          ? []
          : [{ name: file.name, bytes: file.header.length + file.dataBytes }];
      })),
    tensors: Object.fromEntries(cut.tensors.map(entryOf)),
  };
  return await writeShards({
    weights: weightsPath,
    weightFiles,
    out,
    groups,
    manifest,
    replace: options.replace ?? false,
    say,
    ...(signal === undefined ? {} : { signal }),
  });

  function entryOf({ name, source, parts }: ShardTensor) {
    const entry = {
      dtype: source.dtype,
      shape: [...source.shape],
      dimension: parts?.dimension ?? null,
      sizes: [...parts?.sizes ?? []],
    };
    return [name, entry] as const;
  }

  function cutProblems({ model, stack }: ShardOptions): Diagnostic[] {
    const refuse = (reason: string) => [cannotShard({ path: weightsPath, reason })];
    if (model.isSharded === true) return refuse("it is a folder of shards itself");
    if (model.tensors === undefined) return refuse("its weights are pickled, not safetensors");
    const obstacle = autoTpRefuses(String(model.config["model_type"]));
    if (obstacle !== undefined) return refuse(obstacle);
    if (!behavioursOf(stack).has("tensor-parallel-cut-empty")) {
      const version = stack.versions["deepspeed"] ?? "none";
      return refuse(`DeepSpeed ${version} of the stack cannot load shards; 0.16.4 and newer can`);
    }
    return shape.heads % ranks === 0 && shape.kvHeads % ranks === 0 ? [] : refuse(
      `its ${shape.heads} attention heads (${shape.kvHeads} of keys and values) cannot be shared evenly by ${ranks} ranks`,
    );
  }
}
