/** Small pipelines for the tests of the language. */
import assert from "node:assert/strict";
import type { Diagnostic } from "../../lib/diagnostics/diagnostic.ts";
import { renderText } from "../../lib/diagnostics/render.ts";
import { type ParsedPipeline, parsePipeline } from "../../lib/language/compile.ts";
import type { CellSpec, Pipeline } from "../../lib/language/pipeline.ts";

/** The name that the tests give to a file. */
export const PATH = "bloom.yaml";

/** The least that a pipeline has to say, less the keys that `more` says itself. */
export function smallPipeline(more = ""): string {
  const written = new Set(more.split("\n").map((line) => line.split(":")[0]));
  const required = {
    model: "model: bigscience/bloom-560m",
    hardware: "hardware: 2x cpu",
    strategies: "strategies: [accelerate]",
  };
  const lines = Object.entries(required).flatMap(([key, line]) => written.has(key) ? [] : [line]);
  return `${[...lines, more].join("\n").trim()}\n`;
}

/** Compiles a text that has to be right, warnings aside. */
export function compileGood(text: string): ParsedPipeline {
  const { value, diagnostics } = parsePipeline({ text, path: PATH });
  assert.ok(value !== undefined, render(text, diagnostics));
  return value;
}

/** The normalized pipeline of the small pipeline with further keys. */
export function pipelineOf(more = ""): Pipeline {
  return compileGood(smallPipeline(more)).pipeline;
}

/** The cells of the small pipeline with further keys. */
export function cellsOf(more = ""): readonly CellSpec[] {
  return compileGood(smallPipeline(more)).cells;
}

/** All that is said about a text. */
export function diagnosticsOf(text: string): readonly Diagnostic[] {
  return parsePipeline({ text, path: PATH }).diagnostics;
}

/** The codes of all that is said about a text. */
export function codesOf(text: string): readonly string[] {
  return diagnosticsOf(text).map(({ code }) => code);
}

/** Diagnostics as a user sees them. */
export function render(text: string, diagnostics = diagnosticsOf(text)): string {
  return renderText(diagnostics, { source: () => text });
}
