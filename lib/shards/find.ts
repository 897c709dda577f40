/** Which ranks a folder of weights has shards for. */
import { join } from "node:path";
import type { FileReader } from "../catalog/files.ts";
import type { WeightFile } from "../catalog/types.ts";
import { hashJson, sha256 } from "../plan/hash.ts";
import { hasFiles, readManifest } from "./manifest.ts";

/** Folder of the shards for `ranks` ranks beside the weights that they are cut from; workers look for it there. */
export function shardsFolder(weights: string, ranks: number): string {
  return join(weights, `tp-${ranks}`);
}

const NAME_REGEXP = /^tp-[1-9]\d{0,3}$/;

/** Manifests below a folder of weights that were made from the files that are there now, and whose own files are there. */
export function findShards(
  weights: string,
  weightFiles: readonly WeightFile[],
  files: FileReader,
): { readonly ranks: readonly number[]; readonly manifests: readonly string[] } {
  const names = files.list(weights).filter((name) => NAME_REGEXP.test(name));
  if (names.length === 0) return { ranks: [], manifests: [] };
  const source = sourceHash(weightFiles, files);
  const fitting = names.filter((name) => {
    const manifest = readManifest(join(weights, name), files);
    return manifest !== undefined && !("problem" in manifest) &&
      manifest.source.sha256 === source && name === `tp-${manifest.tensorParallel}` &&
      hasFiles(join(weights, name), manifest, files);
  });
  return {
    ranks: fitting.map((name) => Number(name.slice("tp-".length))),
    manifests: fitting.map((name) => join(weights, name, "stowage-shards.json")),
  };
}

/** Stands for the content of files that are too large to be hashed: their names, sizes and headers. */
export function sourceHash(weightFiles: readonly WeightFile[], files: FileReader): string {
  const facts = weightFiles.map(({ path, bytes, headBytes }) => [
    path.slice(path.lastIndexOf("/") + 1),
    bytes,
    sha256(files.readRange(path, 0, headBytes)),
  ]);
  return hashJson(facts.sort(([a], [b]) => String(a) < String(b) ? -1 : 1));
}
