/** The order in which diagnostics are shown. */
import type { Diagnostic } from "./diagnostic.ts";

/** By name of the file, then by place; those without a place come first. Equal places keep their order. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  return diagnostics.toSorted((a, b) => {
    const fileA = a.file ?? "";
    const fileB = b.file ?? "";
    if (fileA !== fileB) return fileA < fileB ? -1 : 1;
    return (a.span?.start ?? -1) - (b.span?.start ?? -1);
  });
}
