/**
 * Checks the written form key by key, so that a mistake in one part of the file does not hide those in
 * another: what is valid goes on to the checks that look at several parts together.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import * as messages from "../diagnostics/messages/language_value.ts";
import { suggest } from "../diagnostics/suggest.ts";
import { describePath, type Places } from "./places.ts";
import type { WrittenGrid } from "./normalize_grid.ts";
import { pipelineSchema, type WrittenPipeline } from "./schema.ts";
import { gridSchema, strategySchema, type WrittenStrategy } from "./schema_strategies.ts";
import { issuesToDiagnostics } from "./schema_issues.ts";

/** What of the file is valid. Keys that were wrong, or missing without a default, are absent. */
export type WrittenParts = Partial<Omit<WrittenPipeline, "strategies" | "grid">> & {
  /** As it stands in the file, which orders the axes; without the keys that were wrong. */
  readonly grid?: WrittenGrid;
  /** In the order of the file; undefined where one was wrong. */
  readonly strategies?: readonly (WrittenStrategy | undefined)[];
};

const SHAPE = pipelineSchema.shape;

/** The valid parts of a file and everything that is wrong with the others. */
export function validate(
  root: Readonly<Record<string, unknown>>,
  places: Places,
): { readonly parts: WrittenParts; readonly diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const parts: Record<string, unknown> = {};
  const allowed = Object.keys(SHAPE);
  /** Keys that are written wrongly: they are not said to be missing too. */
  const meant = new Set<string>();
  for (const key of Object.keys(root).filter((each) => !Object.hasOwn(SHAPE, each))) {
    const suggestion = suggest(key, allowed);
    if (suggestion !== undefined) meant.add(suggestion);
    const hint = suggestion === undefined ? {} : { suggestion };
    const parameters = { key, where: describePath([]), allowed, ...hint };
    diagnostics.push(messages.unknownKey(parameters, places.key([key])));
  }
  for (const [key, schema] of Object.entries(SHAPE)) {
    const value = Object.hasOwn(root, key) ? root[key] : undefined;
    if (key === "strategies" && Array.isArray(value) && value.length > 0) {
      parts[key] = value.map((item, index) => {
        const parsed = strategySchema.safeParse(item);
        if (parsed.success) return parsed.data;
        const { issues } = parsed.error;
        diagnostics.push(...issuesToDiagnostics(issues, [key, index], root, places));
        return undefined;
      });
      continue;
    }
    if (key === "grid" && isMapping(value)) {
      const { grid, issues } = validGrid(value);
      parts[key] = grid;
      diagnostics.push(...issuesToDiagnostics(issues, [key], root, places));
      continue;
    }
    if (value === undefined && meant.has(key)) continue;
    const parsed = schema.safeParse(value);
    if (!parsed.success) {
      diagnostics.push(...issuesToDiagnostics(parsed.error.issues, [key], root, places));
    } else if (parsed.data !== undefined) {
      parts[key] = parsed.data;
    }
  }
  return { parts: parts as WrittenParts, diagnostics };
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A grid less the keys in which something is wrong. */
function validGrid(written: WrittenGrid): {
  readonly grid: WrittenGrid;
  readonly issues: Parameters<typeof issuesToDiagnostics>[0];
} {
  const issues = gridSchema.safeParse(written).error?.issues ?? [];
  const wrong = new Set<unknown>();
  for (const issue of issues) {
    if (issue.path.length > 0) wrong.add(issue.path[0]);
    else if (issue.code === "unrecognized_keys") issue.keys.forEach((key) => wrong.add(key));
  }
  const valid = Object.entries(written).filter(([key]) => !wrong.has(key));
  return { grid: Object.fromEntries(valid), issues };
}
