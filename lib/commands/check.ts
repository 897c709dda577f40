/** `check FILE`: everything that the file alone can tell, without the catalog. */
import { escapeUnsafe } from "../diagnostics/quote.ts";
import { renderMachine } from "../diagnostics/render.ts";
import { talkDiagnostics } from "./failures.ts";
import { readPipeline, sourceOf } from "./input.ts";
import { type CommonSettings, EXIT } from "./settings.ts";

/** Flags of `check`. */
export interface CheckSettings extends CommonSettings {
  readonly file: string;
  /** Print the diagnostics to stdout as JSON, and nothing to stderr. */
  readonly json: boolean;
}

/** @returns 0 when the file is a pipeline, else 2. */
export function checkCommand({ terminal, file, json }: CheckSettings): number {
  const input = readPipeline(file);
  const { parsed, diagnostics } = input;
  const source = sourceOf(input);
  if (json) {
    terminal.write(`${
      JSON.stringify(
        {
          file,
          ok: parsed !== undefined,
          cells: parsed?.cells.length ?? null,
          diagnostics: renderMachine(diagnostics, { source }),
        },
        null,
        2,
      )
    }\n`);
  } else {
    talkDiagnostics(diagnostics, { terminal, source });
    if (parsed !== undefined) terminal.talk(okLine(file, parsed.cells.length));
  }
  return parsed === undefined ? EXIT.usage : EXIT.done;
}

function okLine(file: string, cells: number): string {
  return `${escapeUnsafe(file)}: ok, ${cells} ${cells === 1 ? "cell" : "cells"}`;
}
