/**
 * What a file of shards says of itself: for which rank it was cut, of how many, and from what. It stands in the metadata of
 * its header, because files of all ranks have the same names of tensors and often the same sizes: one in the place of another
 * would load without a word, and the model would talk nonsense.
 */
import { join } from "node:path";
import type { FileReader } from "../catalog/files.ts";
import { reasonOf } from "../catalog/json_file.ts";
import { parseHeaderLength, PREFIX_BYTES } from "../catalog/safetensors.ts";
import type { ShardManifest } from "./manifest.ts";

/** Whose a file is. */
export interface ShardOwner {
  readonly rank: number;
  readonly ranks: number;
  /** Stands for the checkpoint that was cut; the manifest has it too. */
  readonly source: string;
}

/** A file that is not what the manifest has in its place. */
export interface MisplacedShard {
  readonly path: string;
  readonly reason: string;
}

/** The metadata of a header; the format wants texts. */
export function ownerMetadata({ rank, ranks, source }: ShardOwner): Record<string, string> {
  return {
    format: "pt",
    "stowage.rank": String(rank),
    "stowage.ranks": String(ranks),
    "stowage.source": source,
  };
}

/**
 * The first file of a folder that was cut for another rank, or from another checkpoint, than the manifest says. One that is not
 * there is not misplaced.
 */
export function findMisplaced(
  folder: string,
  { ranks, tensorParallel, source }: ShardManifest,
  files: FileReader,
): MisplacedShard | undefined {
  for (const [rank, list] of ranks.entries()) {
    for (const { name } of list) {
      const path = join(folder, name);
      if (files.stat(path) === null) continue;
      const wanted = { rank, ranks: tensorParallel, source: source.sha256 };
      const reason = misplacement(readMetadata(path, files), wanted);
      if (reason !== undefined) return { path, reason };
    }
  }
  return undefined;
}

function misplacement(
  found: FileMetadata | { readonly problem: string },
  { rank, ranks, source }: ShardOwner,
): string | undefined {
  if ("problem" in found) return found.problem;
  const { metadata } = found;
  const [ownRank, ownRanks] = [metadata["stowage.rank"], metadata["stowage.ranks"]];
  if (ownRank === undefined || ownRanks === undefined) return "it does not say for which rank";
  if (ownRank !== String(rank) || ownRanks !== String(ranks)) {
    return `it was cut for rank ${ownRank} of ${ownRanks}, and lies where that of rank ${rank} of ${ranks} belongs`;
  }
  return metadata["stowage.source"] === source
    ? undefined
    : "it was cut from another checkpoint than the other files";
}

interface FileMetadata {
  readonly metadata: Readonly<Record<string, unknown>>;
}

function readMetadata(
  path: string,
  files: FileReader,
): FileMetadata | { readonly problem: string } {
  try {
    const bytes = files.stat(path)?.bytes ?? 0;
    const length = parseHeaderLength(files.readRange(path, 0, PREFIX_BYTES), bytes);
    if ("problem" in length) return length;
    const header = files.readRange(path, PREFIX_BYTES, length.length);
    return { metadata: JSON.parse(new TextDecoder().decode(header))["__metadata__"] ?? {} };
  } catch (error) {
    return { problem: reasonOf(error) };
  }
}
