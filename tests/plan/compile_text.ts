/** Compiles the text of a pipeline as the commands do, without a disk. */
import type { FileReader } from "../../lib/catalog/files.ts";
import { hasErrors, type Outcome } from "../../lib/diagnostics/diagnostic.ts";
import { parsePipeline } from "../../lib/language/compile.ts";
import { compile } from "../../lib/plan/compile.ts";
import type { PlanContext } from "../../lib/plan/context.ts";
import type { Plan, PlanCell } from "../../lib/plan/plan.ts";

/** A disk that holds these texts and nothing else. */
export function filesOf(texts: Readonly<Record<string, string>> = {}): FileReader {
  return {
    stat: (path) =>
      Object.hasOwn(texts, path) ? { kind: "file", bytes: texts[path]?.length ?? 0 } : null,
    list: () => [],
    readText(path) {
      const text = texts[path];
      if (text === undefined) throw new Error(`No such file: ${path}`);
      return text;
    },
    readRange: (path, from, length) =>
      new TextEncoder().encode(texts[path] ?? "").slice(from, from + length),
  };
}

/** A context that looks for no largest batch. */
export function planContext(changes: Partial<PlanContext> = {}): PlanContext {
  return {
    files: filesOf({ "pipeline.yaml": "" }),
    baseDirectory: "/base",
    toolVersion: "0.1.0",
    workerSources: "print()",
    findLargestBatch: false,
    ...changes,
  };
}

/** Parses and compiles; fails when the language already refuses the text. */
export async function compileText(
  text: string,
  changes: Partial<PlanContext> = {},
): Promise<Outcome<Plan>> {
  const path = "pipeline.yaml";
  const parsed = parsePipeline({ text, path });
  if (parsed.value === undefined || hasErrors(parsed.diagnostics)) {
    throw new Error(parsed.diagnostics.map(({ message }) => message).join("\n"));
  }
  const { pipeline, cells } = parsed.value;
  return await compile({ pipeline, cells, path, text }, planContext(changes));
}

/** The plan of a text that has no mistakes. */
export async function planOf(text: string, changes: Partial<PlanContext> = {}): Promise<Plan> {
  const { value, diagnostics } = await compileText(text, changes);
  if (value === undefined) throw new Error(JSON.stringify(diagnostics, null, 2));
  return value;
}

/** The cell of this id. */
export function cellOf(plan: Plan, id: string): PlanCell {
  const cell = plan.cells.find((each) => each.id === id);
  if (cell === undefined) throw new Error(`No "${id}" in ${plan.cells.map((each) => each.id)}`);
  return cell;
}
