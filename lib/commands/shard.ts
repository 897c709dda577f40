/** `shard SOURCE`: cuts a checkpoint, a file for each tensor-parallel rank. */
import { basename, dirname, resolve as absolute } from "node:path";
import { diskReader } from "../catalog/files.ts";
import { resolveModel } from "../catalog/model.ts";
import { resolveStack } from "../catalog/stack.ts";
import type { Model, Stack } from "../catalog/types.ts";
import { type Diagnostic, hasErrors, type Outcome } from "../diagnostics/diagnostic.ts";
import { cannotShard } from "../diagnostics/messages/shards.ts";
import { quote } from "../diagnostics/quote.ts";
import { withPlaces } from "../language/places.ts";
import { shapeOf } from "../plan/resolve.ts";
import { formatBytes, plural } from "../report/bytes.ts";
import { shardsFolder } from "../shards/find.ts";
import { shardCheckpoint } from "../shards/shard.ts";
import { talkDiagnostics } from "./failures.ts";
import { type PipelineInput, readPipeline, sourceOf } from "./input.ts";
import { type CommonSettings, EXIT } from "./settings.ts";

/** Arguments of `shard`. */
export interface ShardSettings extends CommonSettings {
  /** Folder of a checkpoint, or path of a pipeline file. */
  readonly source: string;
  readonly ranks: number;
  /** Folder for the shards. @default the folder tp-N of the weights */
  readonly out?: string;
}

interface Source {
  readonly model: Model;
  readonly stack: Stack;
}

/** @returns 0, or 2 when the checkpoint cannot be cut. */
export async function shardCommand(settings: ShardSettings): Promise<number> {
  const { terminal, source, ranks } = settings;
  const isFolder = diskReader.stat(source)?.kind === "directory";
  const input = isFolder ? undefined : readPipeline(source);
  const found = input === undefined ? ofFolder(source) : ofPipeline(input);
  const shaped = found.value && shapeOf(found.value.model);
  const diagnostics = [...found.diagnostics, ...shaped?.diagnostics ?? []];
  talkDiagnostics(diagnostics, { terminal, ...(input && { source: sourceOf(input) }) });
  if (!found.value || !shaped?.value || hasErrors(diagnostics)) return EXIT.usage;
  const { model, stack } = found.value;
  const out = settings.out ?? shardsFolder(model.weightsPath ?? source, ranks);
  const say = (line: string) => terminal.talk(line);
  const written = await shardCheckpoint({ ...shaped.value, model, stack, ranks, out, say });
  talkDiagnostics(written.diagnostics, { terminal });
  if (written.value === undefined) return EXIT.usage;
  const { bytes, kept, written: files } = written.value;
  const were = kept === 0 ? "" : `, ${kept} were there`;
  terminal.talk(
    `Shards for ${plural(ranks, "rank")} in ${quote(out, 200)}: ${formatBytes(bytes)}, ${
      plural(files, "file")
    } written${were}`,
  );
  return EXIT.done;
}

function ofFolder(folder: string): Outcome<Source> {
  const path = absolute(folder);
  const spec = { name: basename(path), path, weights: "files" } as const;
  return joined(resolveModel(spec, "/", diskReader), resolveStack({ name: "current" }));
}

function ofPipeline(input: PipelineInput): Outcome<Source> {
  const { parsed, diagnostics } = input;
  if (parsed === undefined) return { diagnostics };
  const { model, stack } = parsed.pipeline;
  if (model.weights !== "files") {
    const reason = `its weights are ${model.weights}; run makes the shards of random ones itself`;
    return { diagnostics: [...diagnostics, cannotShard({ path: input.path, reason })] };
  }
  const base = absolute(dirname(input.path));
  const found = joined(resolveModel(model, base, diskReader), resolveStack(stack));
  const all = [...diagnostics, ...withPlaces(found.diagnostics, parsed.places)];
  return found.value === undefined
    ? { diagnostics: all }
    : { value: found.value, diagnostics: all };
}

function joined(model: Outcome<Model>, stack: Outcome<Stack>): Outcome<Source> {
  const diagnostics: Diagnostic[] = [...model.diagnostics, ...stack.diagnostics];
  if (model.value === undefined || stack.value === undefined) return { diagnostics };
  return { value: { model: model.value, stack: stack.value }, diagnostics };
}
