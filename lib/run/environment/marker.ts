/** The file that says that a folder is complete: written last, so a folder without it is half made. */
import { join } from "node:path";
import { diskReader } from "../../catalog/files.ts";
import { readJsonObject } from "../../catalog/json_file.ts";
import { writeWhole } from "../run_folder.ts";

const MARKER = "ready.json";
const MAXIMUM_BYTES = 1 << 20;

/** What a complete folder says of itself. */
export interface Marker {
  /** `3.11.4` */
  readonly python: string;
  /** Package name to version, build tag included. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Declares a folder complete. */
export function writeMarker(folder: string, { python, versions }: Marker): void {
  const marker = { formatVersion: "1.0", python, versions };
  writeWhole(join(folder, MARKER), `${JSON.stringify(marker, null, 2)}\n`);
}

/** Null when the folder is not there or half made. */
export function readMarker(folder: string): Marker | null {
  const read = readJsonObject(join(folder, MARKER), diskReader, MAXIMUM_BYTES);
  if ("problem" in read) return null;
  const { python, versions } = read.object;
  if (typeof python !== "string" || typeof versions !== "object" || versions === null) return null;
  return { python, versions: versions as Marker["versions"] };
}
