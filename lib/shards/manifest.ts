/** What `stowage-shards.json` says of a folder with a file, or several, for each tensor-parallel rank. */
import * as z from "zod";
import { join } from "node:path";
import type { FileReader } from "../catalog/files.ts";
import { readJsonObject } from "../catalog/json_file.ts";

/** It is written last: a folder that has it is complete. */
export const MANIFEST_NAME = "stowage-shards.json";

const MAX_MANIFEST_BYTES = 64 * 2 ** 20;

const size = z.number().int().nonnegative();

const manifestSchema = z.object({
  formatVersion: z.literal("1.0"),
  tool: z.object({ name: z.string(), version: z.string() }),
  /** What was cut: a hash over names, sizes and headers of its files. */
  source: z.object({ sha256: z.string() }),
  modelType: z.string(),
  tensorParallel: z.number().int().positive(),
  /** Spellings of safetensors. */
  dtypes: z.array(z.string()),
  /** Versions that the cuts were made for. */
  stack: z.record(z.string(), z.string()),
  /** By rank: names and sizes of its files. */
  ranks: z.array(z.array(z.object({ name: z.string().regex(/^[\w.-]+$/), bytes: size }))),
  /** By name of the model's parameter: the whole shape, and what each rank keeps of one dimension. */
  tensors: z.record(
    z.string(),
    z.object({
      dtype: z.string(),
      shape: z.array(size),
      dimension: z.union([z.literal(0), z.literal(1), z.null()]),
      sizes: z.array(size),
    }),
  ),
});

/** The parsed manifest. */
export type ShardManifest = z.output<typeof manifestSchema>;

/** The manifest of a folder: undefined where it has none, or in words why it is none. */
export function readManifest(
  folder: string,
  files: FileReader,
): ShardManifest | { readonly problem: string } | undefined {
  const path = join(folder, MANIFEST_NAME);
  if (files.stat(path)?.kind !== "file") return undefined;
  const read = readJsonObject(path, files, MAX_MANIFEST_BYTES);
  return "problem" in read ? read : parseManifest(read.object);
}

/** Whether a folder has the files that its manifest lists, in their sizes. */
export function hasFiles(folder: string, { ranks }: ShardManifest, files: FileReader): boolean {
  return ranks.flat().every(({ name, bytes }) => files.stat(join(folder, name))?.bytes === bytes);
}

/** Checks what a JSON file holds. */
export function parseManifest(value: unknown): ShardManifest | { readonly problem: string } {
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { problem: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not a manifest"}` };
  }
  const { tensorParallel, ranks } = parsed.data;
  if (ranks.length !== tensorParallel) {
    return { problem: `it lists files of ${ranks.length} ranks, and is for ${tensorParallel}` };
  }
  return parsed.data;
}
