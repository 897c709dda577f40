/** One function per kind of output, for every value of `--format`. */
import type { Plan } from "../plan/plan.ts";
import { planCsv, resultsCsvLines } from "./csv.ts";
import { markdownParts, renderMarkdown, renderText, textParts } from "./document.ts";
import { planDocument } from "./plan_view.ts";
import type { ReportedResults } from "./results_shape.ts";
import { resultsDocument, resultsFileDocument } from "./results_view.ts";

/** Values of `--format`. */
export const OUTPUT_FORMATS = ["table", "markdown", "json", "jsonl", "csv"] as const;

/** How output is written. */
export type OutputFormat = typeof OUTPUT_FORMATS[number];

/**
 * A plan; `jsonl` and `csv` have one line per cell. Ends with a newline.
 *
 * @param width Columns of the terminal that a table is for; wider ones go without what can be spared.
 */
export function renderPlan(plan: Plan, format: OutputFormat, width?: number): string {
  switch (format) {
    case "table":
      return renderText(planDocument(plan), width);
    case "markdown":
      return renderMarkdown(planDocument(plan));
    case "csv":
      return planCsv(plan.cells);
    case "json":
      return renderJson(plan);
    case "jsonl":
      return renderJsonLines(plan.cells);
  }
}

/** The results of a run; `jsonl` and `csv` have one line per cell. Ends with a newline. */
export function renderResults(results: ReportedResults, format: OutputFormat): string {
  return [...resultsParts(results, format)].join("");
}

/** What `renderResults` joins, made one by one: a run of ten thousand cells has megabytes of it. */
export function* resultsParts(
  results: ReportedResults,
  format: OutputFormat,
): Generator<string> {
  switch (format) {
    case "table":
      return yield* textParts(resultsDocument(results));
    case "markdown":
      return yield* markdownParts(resultsFileDocument(results));
    case "csv":
      return yield* resultsCsvLines(results.cells);
    case "json":
      return yield renderJson(results);
    case "jsonl":
      for (const cell of results.cells) yield renderJsonLines([cell]);
  }
}

/** A value as indented JSON. */
export function renderJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Values as JSON, one a line. */
export function renderJsonLines(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join("");
}
