/** Writes the files of every rank: atomically, and so that what was interrupted goes on where it stopped. */
import { join } from "node:path";
import { diskReader } from "../catalog/files.ts";
import { readJsonObject, reasonOf } from "../catalog/json_file.ts";
import type { WeightFile } from "../catalog/types.ts";
import type { Outcome } from "../diagnostics/diagnostic.ts";
import { noRoomForShards, shardsExist, shardsFailed } from "../diagnostics/messages/shards.ts";
import { hashJson } from "../plan/hash.ts";
import { formatBytes } from "../report/bytes.ts";
import { freeDiskBytes } from "../run/cache.ts";
import { copyGroup, type SourceFile } from "./copy.ts";
import type { ShardFile, ShardGroup } from "./layout.ts";
import { MANIFEST_NAME, parseManifest, type ShardManifest } from "./manifest.ts";

/** What to write, and where. */
export interface ShardJob {
  /** Folder of the checkpoint. */
  readonly weights: string;
  readonly weightFiles: readonly WeightFile[];
  readonly out: string;
  readonly groups: readonly ShardGroup[];
  readonly manifest: ShardManifest;
  /** Whether shards of something else may be removed. */
  readonly replace: boolean;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** What was done. */
export interface ShardsWritten {
  readonly bytes: number;
  /** Files that an earlier attempt had finished. */
  readonly kept: number;
  readonly written: number;
}

const BEGUN_NAME = `${MANIFEST_NAME}.part`;

/** Small files that whoever loads the model looks for. */
const BESIDE_REGEXP = /^(?!.*index\.json$).*\.(json|txt|model)$/;
const MAX_BESIDE_BYTES = 64 * 2 ** 20;

/**
 * Writes what is missing: files with another size or header than they should have are, whatever the manifest says. So a file
 * that was cut for another rank is written anew.
 */
export async function writeShards(job: ShardJob): Promise<Outcome<ShardsWritten>> {
  const { out, groups, manifest } = job;
  const files = groups.flatMap((group) => group.files);
  const total = { bytes: files.reduce((sum, file) => sum + bytesOf(file), 0), kept: files.length };
  const text = JSON.stringify(manifest, null, 1);
  try {
    let found = whatIsThere(job);
    if (found === STALE && job.replace) {
      Deno.removeSync(out, { recursive: true });
      found = undefined;
    }
    if (found !== undefined) {
      return typeof found === "string"
        ? { diagnostics: [shardsExist({ folder: out, reason: found })] }
        : { value: { ...total, written: 0 }, diagnostics: [] };
    }
    const missing = files.filter((file) => !isWhole(join(out, file.name), file));
    const needBytes = missing.reduce((sum, file) => sum + bytesOf(file), 0);
    const free = await freeDiskBytes(out);
    if (free !== null && free < needBytes) {
      const sizes = { need: formatBytes(needBytes), free: formatBytes(free) };
      return { diagnostics: [noRoomForShards({ folder: out, ...sizes })] };
    }
    Deno.mkdirSync(out, { recursive: true });
    // Who finds the manifest finds all files: it goes before the first of them is mended.
    removeIfThere(join(out, MANIFEST_NAME));
    Deno.writeTextFileSync(join(out, BEGUN_NAME), text);
    copyBeside(job);
    await writeGroups(job);
    Deno.renameSync(join(out, BEGUN_NAME), join(out, MANIFEST_NAME));
    const kept = files.length - missing.length;
    return { value: { bytes: total.bytes, kept, written: missing.length }, diagnostics: [] };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const reason = job.signal?.aborted ? "it was interrupted" : reasonOf(error);
    return { diagnostics: [shardsFailed({ folder: out, reason })] };
  }
}

const STALE = "it has shards of another checkpoint, or for another number of ranks";

/** True when everything is there, words where something else is, undefined when there is work to do. */
function whatIsThere({ out, groups, manifest }: ShardJob): true | string | undefined {
  if (diskReader.stat(out) === null) return undefined;
  const names = diskReader.list(out);
  for (const name of [MANIFEST_NAME, BEGUN_NAME]) {
    if (!names.includes(name)) continue;
    if (isSame(join(out, name), manifest)) {
      const isComplete = name === MANIFEST_NAME &&
        groups.every(({ files }) => files.every((file) => isWhole(join(out, file.name), file)));
      return isComplete || undefined;
    }
    return STALE;
  }
  const own = new Set(groups.flatMap((group) => group.files.map(({ name }) => name)));
  const stranger = names.find((name) => !own.has(name.replace(/\.part$/, "")));
  return stranger === undefined ? undefined : `it has other files, such as ${stranger}`;
}

/** Whether a manifest tells of the same files; who wrote it, and for which versions, does not matter. */
function isSame(path: string, wanted: ShardManifest): boolean {
  const read = readJsonObject(path, diskReader, Number.MAX_SAFE_INTEGER);
  const found = "problem" in read ? read : parseManifest(read.object);
  return !("problem" in found) && deciding(found) === deciding(wanted);
}

function deciding({ source, tensorParallel, ranks, tensors }: ShardManifest): string {
  // The sizes of the files count their headers, in which other versions may say less.
  return hashJson([source, tensorParallel, ranks.map((files) => files.length), tensors]);
}

function copyBeside({ weights, out }: ShardJob): void {
  for (const name of diskReader.list(weights)) {
    const stat = diskReader.stat(join(weights, name));
    const isSmall = stat?.kind === "file" && stat.bytes <= MAX_BESIDE_BYTES;
    if (isSmall && BESIDE_REGEXP.test(name) && name !== MANIFEST_NAME) {
      Deno.copyFileSync(join(weights, name), join(out, name));
    }
  }
}

async function writeGroups(job: ShardJob): Promise<void> {
  const { weights, weightFiles, out, groups, say, signal } = job;
  const heads = new Map(weightFiles.map(({ path, headBytes }) => [path, headBytes]));
  const sources = new Map<string, SourceFile>();
  function openSource(name: string): SourceFile {
    const path = join(weights, name);
    const known = sources.get(path);
    if (known !== undefined) return known;
    const opened = { file: Deno.openSync(path), headBytes: heads.get(path) ?? 0 };
    sources.set(path, opened);
    return opened;
  }
  try {
    for (const [index, group] of groups.entries()) {
      const { files } = group;
      if (files.every((file) => isWhole(join(out, file.name), file))) continue;
      const bytes = files.reduce((sum, file) => sum + bytesOf(file), 0);
      say(
        `writing part ${index + 1} of ${groups.length} for ${files.length} ranks: ${
          formatBytes(bytes)
        }`,
      );
      await writeGroup(group, out, openSource, signal);
    }
  } finally {
    for (const { file } of sources.values()) file.close();
  }
}

/** Files get their names only when they are whole and on the disk. */
async function writeGroup(
  group: ShardGroup,
  out: string,
  openSource: (name: string) => SourceFile,
  signal: AbortSignal | undefined,
): Promise<void> {
  const paths = group.files.map(({ name }) => join(out, name));
  const targets: Deno.FsFile[] = [];
  try {
    for (const path of paths) targets.push(Deno.createSync(`${path}.part`));
    await copyGroup(group, targets, openSource, signal);
    for (const target of targets) target.syncDataSync();
  } finally {
    for (const target of targets) target.close();
  }
  for (const path of paths) Deno.renameSync(`${path}.part`, path);
}

function removeIfThere(path: string): void {
  if (diskReader.stat(path) !== null) Deno.removeSync(path);
}

function bytesOf({ header, dataBytes }: ShardFile): number {
  return header.length + dataBytes;
}

/** Whether a file is there in its size and begins as it should, which names its rank and what it was cut from. */
function isWhole(path: string, file: ShardFile): boolean {
  if (diskReader.stat(path)?.bytes !== bytesOf(file)) return false;
  const found = diskReader.readRange(path, 0, file.header.length);
  return found.every((byte, index) => byte === file.header[index]);
}
