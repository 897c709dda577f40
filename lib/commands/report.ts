/** `report RUN`: the tables of a run, from the folder that it wrote; or what a log of another script says. */
import { join } from "node:path";
import { diskReader } from "../catalog/files.ts";
import { readJsonObject, reasonOf } from "../catalog/json_file.ts";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { notResults, runMissing, runWithoutResults } from "../diagnostics/messages/report.ts";
import { renderResults } from "../report/render.ts";
import type { ReportedResults } from "../report/results_shape.ts";
import { renderStats } from "../report/stats_view.ts";
import { parseStatsBlocks, type StatsBlock } from "../run/stats_block.ts";
import { putOut } from "./output.ts";
import { checkResults } from "./results_schema.ts";
import { EXIT, type OutputSettings } from "./settings.ts";

/** Name of the results in the folder of a run. */
export const RESULTS_FILE = "results.json";

/** Far beyond any run: a larger file is a wrong path. */
const MAX_RESULTS_BYTES = 512 * 1024 * 1024;

/** Flags of `report`. */
export interface ReportSettings extends OutputSettings {
  /** Folder of the run. */
  readonly folder: string;
}

/**
 * @returns 0
 * @throws DiagnosticError when the folder has no results that can be read (STW611 to STW613).
 */
export function reportCommand(settings: ReportSettings): number {
  const blocks = statsBlocksOf(settings.folder);
  if (blocks.length > 0) {
    putOut(renderStats(blocks, settings.format), settings);
    return EXIT.done;
  }
  putOut(renderResults(readResults(settings.folder), settings.format), settings);
  return EXIT.done;
}

/** The stats blocks of a log; none for a folder, for JSON, and for what is no log of such a script. */
function statsBlocksOf(path: string): readonly StatsBlock[] {
  if (path.endsWith(".json")) return [];
  try {
    const stat = diskReader.stat(path);
    if (stat?.kind !== "file") return [];
    return parseStatsBlocks(diskReader.readText(path));
  } catch {
    return []; // what is wrong with it is said when it is read as results
  }
}

/** The results of a run, from its folder or their file. Throws a DiagnosticError where there are none. */
export function readResults(folder: string): ReportedResults {
  const path = resultsPath(folder);
  const read = readJsonObject(path, diskReader, MAX_RESULTS_BYTES);
  if ("problem" in read) throw new DiagnosticError([notResults({ path, reason: read.problem })]);
  const checked = checkResults(read.object);
  if ("problem" in checked) {
    throw new DiagnosticError([notResults({ path, reason: checked.problem })]);
  }
  return checked.results;
}

/** The file itself may be named too. */
function resultsPath(folder: string): string {
  const path = join(folder, RESULTS_FILE);
  try {
    const stat = diskReader.stat(folder);
    if (stat === null) throw new DiagnosticError([runMissing({ path: folder })]);
    if (stat.kind === "file") return folder;
    if (diskReader.stat(path) === null) {
      throw new DiagnosticError([runWithoutResults({ path: folder })]);
    }
    return path;
  } catch (error) {
    if (error instanceof DiagnosticError) throw error;
    throw new DiagnosticError([notResults({ path, reason: reasonOf(error) })]);
  }
}
