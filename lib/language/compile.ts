/** The language as a whole: the text of a pipeline file to what the later stages read. */
import {
  type Diagnostic,
  hasErrors,
  type Outcome,
  type Span,
  type ValuePath,
} from "../diagnostics/diagnostic.ts";
import { fileTooLarge, isSavedPlan, notMapping } from "../diagnostics/messages/language_file.ts";
import { furtherMistakes } from "../diagnostics/messages/language_meaning.ts";
import { sortDiagnostics } from "../diagnostics/sort.ts";
import { countCells, expandCells } from "./expand.ts";
import { normalize } from "./normalize.ts";
import type { CellSpec, Pipeline } from "./pipeline.ts";
import type { Places } from "./places.ts";
import { describeValue } from "./schema_issues.ts";
import { MAX_SOURCE_BYTES } from "./source.ts";
import { validate } from "./validate.ts";
import { parseYaml } from "./yaml.ts";
import { placesOf } from "./yaml_places.ts";
import { plainValue } from "./yaml_value.ts";

/** A pipeline file. */
export interface PipelineSource {
  readonly text: string;
  /** As the user named it; diagnostics repeat it, and it names a pipeline without a name. */
  readonly path: string;
  /** A grid of more cells is not expanded: whoever asks leaves that to another. @default all are */
  readonly mostCells?: number;
}

/** A file that holds a pipeline. */
export interface ParsedPipeline {
  /** Without sugar, every default filled in. */
  readonly pipeline: Pipeline;
  /** In the order of the file; none where there are more than were asked for. */
  readonly cells: readonly CellSpec[];
  /** Whether there are more cells than were asked for. */
  readonly hasMore: boolean;
  /** Where values stand in the text. */
  readonly places: Places;
  /** Where a value of the pipeline stands in the text; for sugar, the nearest value that is written. */
  locate(path: ValuePath): Span | undefined;
}

/** Beyond this, more mistakes help nobody. */
const MAX_DIAGNOSTICS = 100;

/**
 * Compiles the text of a pipeline file. Each step is a pure function in a file of its own:
 *
 * 1. `yaml.ts` parses YAML 1.2 into nodes with spans, `yaml_value.ts` turns nodes into plain JSON data. A
 *    mistake here ends the compilation, for what follows would be guesswork.
 * 2. `validate.ts` checks the data against the written form (`schema.ts`, `schema_strategies.ts`), one part of
 *    the file at a time; `schema_issues.ts` words what is wrong. Valid parts go on even when others are not.
 * 3. `normalize.ts` turns sugar into the one form that later stages read (`pipeline.ts`), fills in defaults and
 *    checks parts against each other.
 * 4. `expand.ts` makes the cells: strategies times the axes of the grid.
 *
 * Spans travel beside the data: `places.ts` answers for a path of the file, so no later stage sees the text.
 *
 * @returns The pipeline with its cells, unless there is an error; in any case all diagnostics of the steps
 * that could be taken, in the order of the file.
 */
export function parsePipeline(source: PipelineSource): Outcome<ParsedPipeline> {
  const outcome = compile(source);
  const diagnostics = limit(sortDiagnostics(unique(outcome.diagnostics)));
  if (outcome.value === undefined || hasErrors(outcome.diagnostics)) return { diagnostics };
  return { value: outcome.value, diagnostics };
}

function compile({ text, path: file, mostCells }: PipelineSource): Outcome<ParsedPipeline> {
  if (text.length > MAX_SOURCE_BYTES) {
    const parameters = { bytes: text.length, limitBytes: MAX_SOURCE_BYTES };
    return { diagnostics: [fileTooLarge(parameters, { file })] };
  }
  const parsed = parseYaml(text, file);
  if (parsed.value === undefined) return { diagnostics: parsed.diagnostics };
  const plain = plainValue(parsed.value, file);
  if (plain.value === undefined) return { diagnostics: plain.diagnostics };
  const places = placesOf(parsed.value, file);
  const root = plain.value;
  if (typeof root !== "object" || root === null || Array.isArray(root)) {
    return { diagnostics: [notMapping({ found: describeValue(root) }, places.value([]))] };
  }
  const data = root as Readonly<Record<string, unknown>>;
  if ("formatVersion" in data && "cells" in data) {
    return { diagnostics: [isSavedPlan({}, places.value([]))] };
  }
  const { parts, diagnostics: mistakes } = validate(data, places);
  const normal = normalize(parts, { root: data, places, path: file });
  const diagnostics = [...mistakes, ...normal.diagnostics];
  if (normal.value === undefined || hasErrors(diagnostics)) return { diagnostics };
  const hasMore = mostCells !== undefined && countCells(normal.value) > BigInt(mostCells);
  const cells = hasMore ? { value: [], diagnostics: [] } : expandCells(normal.value, places);
  diagnostics.push(...cells.diagnostics);
  if (cells.value === undefined) return { diagnostics };
  const value: ParsedPipeline = {
    pipeline: normal.value,
    cells: cells.value,
    hasMore,
    places,
    locate: (path) => places.value(path).span,
  };
  return { value, diagnostics };
}

/** A value behind an alias is checked at each of its uses. */
function unique(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const seen = new Set<string>();
  return diagnostics.filter(({ code, message, span }) => {
    const key = `${code} ${span?.start} ${message}`;
    return !seen.has(key) && seen.add(key);
  });
}

function limit(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  if (diagnostics.length <= MAX_DIAGNOSTICS) return diagnostics;
  const count = diagnostics.length - MAX_DIAGNOSTICS;
  return [...diagnostics.slice(0, MAX_DIAGNOSTICS), furtherMistakes({ count })];
}
