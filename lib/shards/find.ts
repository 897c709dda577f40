/** Which ranks a folder of weights has shards for. */
import { join } from "node:path";
import type { FileReader } from "../catalog/files.ts";
import type { WeightFile } from "../catalog/types.ts";
import { hashJson, sha256 } from "../plan/hash.ts";
import { hasFiles, MANIFEST_NAME, readManifest } from "./manifest.ts";
import { findMisplaced, type MisplacedShard } from "./owner.ts";

/** Folder of the shards for `ranks` ranks beside the weights that they are cut from; workers look for it there. */
export function shardsFolder(weights: string, ranks: number): string {
  return join(weights, `tp-${ranks}`);
}

const NAME_REGEXP = /^tp-[1-9]\d{0,3}$/;

/** Shards that were found beside weights. */
export interface FoundShards {
  /** Numbers of ranks that can read files of their own. */
  readonly ranks: readonly number[];
  readonly manifests: readonly string[];
  /** Files that are not those of their ranks, by the number of ranks. */
  readonly misplaced: ReadonlyMap<number, MisplacedShard>;
}

/** Manifests below a folder of weights that were made from the files that are there now, and whose own files are there. */
export function findShards(
  weights: string,
  weightFiles: readonly WeightFile[],
  files: FileReader,
): FoundShards {
  const names = files.list(weights).filter((name) => NAME_REGEXP.test(name));
  const ranks: number[] = [];
  const misplaced = new Map<number, MisplacedShard>();
  const source = names.length === 0 ? "" : sourceHash(weightFiles, files);
  for (const name of names) {
    const folder = join(weights, name);
    const manifest = readManifest(folder, files);
    const isFitting = manifest !== undefined && !("problem" in manifest) &&
      manifest.source.sha256 === source && name === `tp-${manifest.tensorParallel}`;
    if (!isFitting) continue;
    const wrong = findMisplaced(folder, manifest, files);
    if (wrong !== undefined) misplaced.set(manifest.tensorParallel, wrong);
    else if (hasFiles(folder, manifest, files)) ranks.push(manifest.tensorParallel);
  }
  const manifests = ranks.map((count) => join(shardsFolder(weights, count), MANIFEST_NAME));
  return { ranks, manifests, misplaced };
}

/** Two checkpoints of one shape, one trained further, have the same headers: some of their values differ. */
const SAMPLE_BYTES = 4096;

/**
 * Stands for the content of files that are too large to be hashed: their names, sizes and headers, and a few of the values in
 * the middle of each.
 */
export function sourceHash(weightFiles: readonly WeightFile[], files: FileReader): string {
  const facts = weightFiles.map(({ path, bytes, headBytes }) => [
    path.slice(path.lastIndexOf("/") + 1),
    bytes,
    sha256(files.readRange(path, 0, headBytes)),
    sha256(files.readRange(path, Math.floor((headBytes + bytes) / 2), SAMPLE_BYTES)),
  ]);
  return hashJson(facts.sort(([a], [b]) => String(a) < String(b) ? -1 : 1));
}
