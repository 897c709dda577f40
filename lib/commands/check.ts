/** `check FILE`: everything that the file and the catalog can tell without a plan. */
import { resolveHardware } from "../catalog/hardware.ts";
import { findModel, modelUnknown } from "../catalog/model_facts.ts";
import { resolveStack } from "../catalog/stack.ts";
import { type Diagnostic, hasErrors } from "../diagnostics/diagnostic.ts";
import { escapeUnsafe } from "../diagnostics/quote.ts";
import { renderMachine } from "../diagnostics/render.ts";
import { sortDiagnostics } from "../diagnostics/sort.ts";
import { withPlaces } from "../language/places.ts";
import { talkDiagnostics } from "./failures.ts";
import { type PipelineInput, readPipeline, sourceOf } from "./input.ts";
import { type CommonSettings, EXIT } from "./settings.ts";

/** Flags of `check`. */
export interface CheckSettings extends CommonSettings {
  readonly file: string;
  /** Print the diagnostics to stdout as JSON, and nothing to stderr. */
  readonly json: boolean;
}

/** @returns 0 when the file is a pipeline whose names are known, else 2. */
export function checkCommand({ terminal, file, json }: CheckSettings): number {
  const input = readPipeline(file);
  const { parsed } = input;
  const diagnostics = sortDiagnostics([...input.diagnostics, ...lookUp(input)]);
  const isOk = parsed !== undefined && !hasErrors(diagnostics);
  const source = sourceOf(input);
  if (json) {
    terminal.write(`${
      JSON.stringify(
        {
          file,
          ok: isOk,
          cells: isOk ? parsed.cells.length : null,
          diagnostics: renderMachine(diagnostics, { source }),
        },
        null,
        2,
      )
    }\n`);
  } else {
    talkDiagnostics(diagnostics, { terminal, source });
    if (isOk) terminal.talk(okLine(file, parsed.cells.length));
  }
  return isOk ? EXIT.done : EXIT.usage;
}

/** What is wrong with names of the catalog. Paths may be those of another machine: they are for the plan to look for. */
function lookUp({ parsed }: PipelineInput): readonly Diagnostic[] {
  if (parsed === undefined) return [];
  const { model, hardware, budget, stack } = parsed.pipeline;
  const name = model.catalog ?? model.name;
  const isNamed = model.path === undefined && model.config === undefined;
  const found = [
    ...(isNamed && findModel(name) === undefined ? [modelUnknown(name)] : []),
    ...resolveHardware(hardware, budget).diagnostics,
    ...resolveStack(stack).diagnostics,
  ];
  return withPlaces(found, parsed.places);
}

function okLine(file: string, cells: number): string {
  return `${escapeUnsafe(file)}: ok, ${cells} ${cells === 1 ? "cell" : "cells"}`;
}
