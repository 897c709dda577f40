/** Exact tensors of a checkpoint folder, from the headers of its safetensors files. */
import { join } from "node:path";
import type { Diagnostic, Outcome } from "../diagnostics/diagnostic.ts";
import { brokenWeights, fileUnreadable, weightsMissing } from "../diagnostics/messages/catalog.ts";
import { shardMisplaced } from "../diagnostics/messages/shards.ts";
import { MANIFEST_NAME, readManifest } from "../shards/manifest.ts";
import { findMisplaced } from "../shards/owner.ts";
import type { FileReader } from "./files.ts";
import { readJsonObject, reasonOf } from "./json_file.ts";
import { dtypeBits, parseHeader, parseHeaderLength, PREFIX_BYTES } from "./safetensors.ts";
import type { CheckpointTensor, WeightFile } from "./types.ts";

const SINGLE_FILE = "model.safetensors";
const INDEX_FILE = "model.safetensors.index.json";
const PICKLE_REGEXP = /^pytorch_model.*\.bin$/;
const MAX_INDEX_BYTES = 64 * 2 ** 20;
const PLACE = { path: ["model", "weights"] };

/** What a checkpoint folder holds. */
export interface Checkpoint {
  /** Absent where the weights are pickled: their sizes are not in a header. */
  readonly tensors?: readonly CheckpointTensor[];
  /** Number of ranks, where the folder has shards instead of whole tensors; `tensors` are the whole ones all the same. */
  readonly isShards?: number;
  /** Files that say which weights belong to the checkpoint. */
  readonly files: readonly string[];
  /** The weights themselves. */
  readonly weightFiles: readonly WeightFile[];
}

/** A pickle has no header: its start stands for it. */
const PICKLE_HEAD_BYTES = 4096;

/** Reads what the folder holds, as `from_pretrained` would choose it: one file, else the index, else pickles. */
export function readCheckpoint(folder: string, files: FileReader): Outcome<Checkpoint> {
  let names: readonly string[];
  try {
    if (files.stat(folder)?.kind !== "directory") {
      return failure(weightsMissing({ path: folder, reason: "it is not a folder" }, PLACE));
    }
    names = files.list(folder);
  } catch (error) {
    return failure(fileUnreadable({ path: folder, reason: reasonOf(error) }, PLACE));
  }
  if (names.includes(SINGLE_FILE)) {
    const { value, diagnostics } = readTensors(folder, SINGLE_FILE, files);
    if (value === undefined) return { diagnostics };
    const { tensors, weightFile } = value;
    return { value: { tensors, files: [], weightFiles: [weightFile] }, diagnostics: [] };
  }
  if (names.includes(INDEX_FILE)) return readSharded(folder, files);
  if (names.includes(MANIFEST_NAME)) return readShards(folder, files);
  const pickles = names.filter((name) => PICKLE_REGEXP.test(name));
  if (pickles.length > 0) {
    const weightFiles = pickles.map((name) => pickleFile(join(folder, name), files));
    return { value: { files: [], weightFiles }, diagnostics: [] };
  }
  const reason = `none of ${SINGLE_FILE}, ${INDEX_FILE} and pytorch_model*.bin is there`;
  return failure(weightsMissing({ path: folder, reason }, PLACE));
}

/** The whole tensors that shards were cut from, as their manifest lists them. */
function readShards(folder: string, files: FileReader): Outcome<Checkpoint> {
  const path = join(folder, MANIFEST_NAME);
  const manifest = readManifest(folder, files) ?? { problem: "it is not a file" };
  if ("problem" in manifest) {
    return failure(brokenWeights({ path, reason: manifest.problem }, PLACE));
  }
  for (const { name, bytes } of manifest.ranks.flat()) {
    const found = files.stat(join(folder, name))?.bytes;
    if (found === bytes) continue;
    const reason = found === undefined ? "it is not there" : `it has ${found} bytes, not ${bytes}`;
    return failure(brokenWeights({ path: join(folder, name), reason }, PLACE));
  }
  const wrong = findMisplaced(folder, manifest, files);
  if (wrong !== undefined) return failure(shardMisplaced(wrong, PLACE));
  const tensors = Object.entries(manifest.tensors).map(([name, { dtype, shape }]) => {
    const elements = shape.reduce((product, size) => product * size, 1);
    return { name, dtype, shape, bytes: elements * dtypeBits(dtype) / 8, begin: 0, file: path };
  });
  const weightFiles = manifest.ranks.flat().map(({ name, bytes }) => ({
    path: join(folder, name),
    bytes,
    headBytes: PREFIX_BYTES,
  }));
  const isShards = manifest.tensorParallel;
  return { value: { tensors, isShards, files: [path], weightFiles }, diagnostics: [] };
}

function pickleFile(path: string, files: FileReader): WeightFile {
  const bytes = files.stat(path)?.bytes ?? 0;
  return { path, bytes, headBytes: Math.min(bytes, PICKLE_HEAD_BYTES) };
}

function readSharded(folder: string, files: FileReader): Outcome<Checkpoint> {
  const path = join(folder, INDEX_FILE);
  const index = readJsonObject(path, files, MAX_INDEX_BYTES);
  if ("problem" in index) return failure(brokenWeights({ path, reason: index.problem }, PLACE));
  const shards = shardsOf(index.object["weight_map"]);
  if ("problem" in shards) return failure(brokenWeights({ path, reason: shards.problem }, PLACE));

  const diagnostics: Diagnostic[] = [];
  const tensors: CheckpointTensor[] = [];
  const weightFiles: WeightFile[] = [];
  for (const [file, wanted] of shards.shards) {
    const found = readTensors(folder, file, files);
    diagnostics.push(...found.diagnostics);
    if (found.value === undefined) continue;
    const listed = found.value.tensors.filter((tensor) => wanted.has(tensor.name));
    tensors.push(...listed);
    weightFiles.push(found.value.weightFile);
    if (listed.length < wanted.size) {
      const reason = `it lacks ${wanted.size - listed.length} of the tensors that the index lists`;
      diagnostics.push(brokenWeights({ path: join(folder, file), reason }, PLACE));
    }
  }
  return diagnostics.length > 0
    ? { diagnostics }
    : { value: { tensors, files: [path], weightFiles }, diagnostics };
}

/** File name to the names of its tensors. A shard must lie in the folder itself. */
function shardsOf(
  map: unknown,
):
  | { readonly shards: ReadonlyMap<string, ReadonlySet<string>> }
  | { readonly problem: string } {
  if (typeof map !== "object" || map === null || Array.isArray(map)) {
    return { problem: 'it has no "weight_map"' };
  }
  const shards = new Map<string, Set<string>>();
  for (const [tensor, file] of Object.entries(map)) {
    if (typeof file !== "string" || !isPlainFileName(file)) {
      return { problem: `the file of ${JSON.stringify(tensor)} is not a file name in the folder` };
    }
    const names = shards.get(file) ?? new Set<string>();
    names.add(tensor);
    shards.set(file, names);
  }
  return shards.size === 0 ? { problem: "it lists no tensors" } : { shards };
}

function isPlainFileName(name: string): boolean {
  // A NUL would end the path early in a system call.
  return name !== "" && name !== "." && name !== ".." && !/[/\\\0]/.test(name);
}

function readTensors(
  folder: string,
  file: string,
  files: FileReader,
): Outcome<{ readonly tensors: readonly CheckpointTensor[]; readonly weightFile: WeightFile }> {
  const path = join(folder, file);
  try {
    const stat = files.stat(path);
    if (stat?.kind !== "file") {
      return failure(weightsMissing({ path: folder, reason: `${file} is not there` }, PLACE));
    }
    const length = parseHeaderLength(files.readRange(path, 0, PREFIX_BYTES), stat.bytes);
    if ("problem" in length) return failure(brokenWeights({ path, reason: length.problem }, PLACE));
    const header = files.readRange(path, PREFIX_BYTES, length.length);
    const parsed = parseHeader(header, stat.bytes - PREFIX_BYTES - length.length, file);
    if ("problem" in parsed) {
      return failure(brokenWeights({ path, reason: parsed.problem }, PLACE));
    }
    const weightFile = { path, bytes: stat.bytes, headBytes: PREFIX_BYTES + length.length };
    return { value: { tensors: parsed.tensors, weightFile }, diagnostics: [] };
  } catch (error) {
    return failure(fileUnreadable({ path, reason: reasonOf(error) }, PLACE));
  }
}

function failure<T>(diagnostic: Diagnostic): Outcome<T> {
  return { diagnostics: [diagnostic] };
}
