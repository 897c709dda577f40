/** From the path of a pipeline file to the parsed pipeline. Knows neither the catalog nor the plan. */
import { basename, dirname } from "node:path";
import { reasonOf } from "../catalog/json_file.ts";
import type { Diagnostic, Outcome } from "../diagnostics/diagnostic.ts";
import {
  pipelineIsFolder,
  pipelineMissing,
  pipelineUnreadable,
} from "../diagnostics/messages/input.ts";
import { fileTooLarge } from "../diagnostics/messages/language_file.ts";
import { suggest } from "../diagnostics/suggest.ts";
import { type ParsedPipeline, parsePipeline } from "../language/compile.ts";
import { decodeSource, MAX_SOURCE_BYTES } from "../language/source.ts";

/** A pipeline file that was read; `parsed` is absent when an error stands among the diagnostics. */
export interface PipelineInput {
  /** As the user gave it. */
  readonly path: string;
  /** Absent when the file could not be read. */
  readonly text?: string;
  readonly parsed?: ParsedPipeline;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Reads and parses a pipeline file. Never throws for what the user can mend.
 *
 * @param mostCells A grid of more is not expanded.
 */
export function readPipeline(path: string, mostCells?: number): PipelineInput {
  const { value: text, diagnostics } = readSource(path);
  return text === undefined ? { path, diagnostics } : parseText(text, path, mostCells);
}

/** As `readPipeline`, for a text that is at hand; `path` is what diagnostics call it. */
export function parseText(text: string, path: string, mostCells?: number): PipelineInput {
  const { value: parsed, diagnostics } = parsePipeline({
    text,
    path,
    ...(mostCells === undefined ? {} : { mostCells }),
  });
  return { path, text, diagnostics, ...(parsed === undefined ? {} : { parsed }) };
}

/** Where the renderers of diagnostics find the text of the pipeline. */
export function sourceOf(input: PipelineInput): (file: string) => string | undefined {
  return (file) => file === input.path ? input.text : undefined;
}

function readSource(path: string): Outcome<string> {
  const place = { file: path };
  try {
    const info = Deno.statSync(path);
    if (info.isDirectory) return { diagnostics: [pipelineIsFolder({ path })] };
    if (info.size > MAX_SOURCE_BYTES) {
      const parameters = { bytes: info.size, limitBytes: MAX_SOURCE_BYTES };
      return { diagnostics: [fileTooLarge(parameters, place)] };
    }
    return decodeSource(readBounded(path, MAX_SOURCE_BYTES + 1), path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return { diagnostics: [missing(path)] };
    }
    return { diagnostics: [pipelineUnreadable({ path, reason: reasonOf(error) })] };
  }
}

/** At most `limit` bytes: a pipe or a device has no size that could be asked for before. */
function readBounded(path: string, limit: number): Uint8Array {
  using file = Deno.openSync(path);
  const bytes = new Uint8Array(limit);
  let filled = 0;
  while (filled < limit) {
    const read = file.readSync(bytes.subarray(filled));
    if (read === null) break;
    filled += read;
  }
  return bytes.subarray(0, filled);
}

function missing(path: string): Diagnostic {
  const folder = dirname(path);
  try {
    const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
    const near = suggest(basename(path), names);
    if (near === undefined) return pipelineMissing({ path });
    const prefix = path.slice(0, path.length - basename(path).length);
    return pipelineMissing({ path, suggestion: prefix + near });
  } catch {
    return pipelineMissing({ path }); // the folder is missing too, or may not be read: no suggestion then
  }
}
