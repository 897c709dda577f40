/** Reads what `validate` and `calibrate` are given: run folders, results, JSON lines, and pipelines of published tables. */
import { join, resolve as absolute } from "node:path";
import { measuredOfLines } from "../accuracy/lines_source.ts";
import type { MeasuredSet } from "../accuracy/measured.ts";
import { measuredOfPublished } from "../accuracy/published_source.ts";
import { measuredOfResults } from "../accuracy/results_source.ts";
import { diskReader } from "../catalog/files.ts";
import { reasonOf } from "../catalog/json_file.ts";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { nothingPublished, notMeasured } from "../diagnostics/messages/report.ts";
import { resolve } from "../plan/resolve.ts";
import { readPipeline } from "./input.ts";
import { planContext } from "./make_plan.ts";
import { readResults, RESULTS_FILE } from "./report.ts";

/** Far beyond any measurement: a larger file is a wrong path. */
const MAX_BYTES = 512 * 1024 * 1024;

/** What was read, and in words what was passed over. */
export interface MeasuredInput {
  readonly sets: readonly MeasuredSet[];
  readonly problems: readonly string[];
}

/**
 * Reads every path.
 *
 * @throws DiagnosticError for a path that holds no measurements.
 */
export function readMeasured(paths: readonly string[]): MeasuredInput {
  const inputs = paths.map(readOne);
  return {
    sets: inputs.flatMap(({ sets }) => sets),
    problems: inputs.flatMap(({ problems }) => problems),
  };
}

function readOne(path: string): MeasuredInput {
  if (/\.ya?ml$/i.test(path)) return readPublished(path);
  if (/\.(jsonl|ndjson)$/i.test(path)) {
    const found = measuredOfLines(path, readLines(path));
    if (found.sets.length === 0 && found.problems.length === 0) {
      throw new DiagnosticError([notMeasured({ path, reason: "it has no measured cells" })]);
    }
    const problems = found.problems.map((problem) => `${path}: ${problem}`);
    return { sets: found.sets, problems };
  }
  return { sets: [measuredOfResults(sourceName(path), readResults(path))], problems: [] };
}

function sourceName(path: string): string {
  const isFile = diskReader.stat(path)?.kind === "file";
  return isFile ? path : join(path, RESULTS_FILE);
}

function readPublished(path: string): MeasuredInput {
  const input = readPipeline(path);
  if (input.parsed === undefined) throw new DiagnosticError(input.diagnostics);
  const { pipeline, cells } = input.parsed;
  const found = resolve(pipeline, planContext(absolute(path)));
  if (found.value === undefined) throw new DiagnosticError(found.diagnostics);
  const set = measuredOfPublished(pipeline, cells, found.value);
  if (set === undefined) throw new DiagnosticError([nothingPublished({ path })]);
  return { sets: [set], problems: [] };
}

function readLines(path: string): Record<string, unknown>[] {
  let text: string;
  try {
    const stat = diskReader.stat(path);
    if (stat === null) throw new Error("it does not exist");
    if (stat.bytes > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`);
    text = diskReader.readText(path);
  } catch (error) {
    throw new DiagnosticError([notMeasured({ path, reason: reasonOf(error) })]);
  }
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value === "object" && value !== null && !Array.isArray(value)) {
        return [value as Record<string, unknown>];
      }
    } catch { /* told below */ }
    const reason = `line ${index + 1} is not a JSON object`;
    throw new DiagnosticError([notMeasured({ path, reason })]);
  });
}
