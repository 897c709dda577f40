/** The order in which diagnostics are shown. */
import type { Diagnostic } from "./diagnostic.ts";

/**
 * By name of the file, then by place; those without a place come first, but notes without one, which are about what was
 * said, last. Equal places keep their order.
 */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  return diagnostics.toSorted((a, b) => {
    if (isClosing(a) !== isClosing(b)) return isClosing(a) ? 1 : -1;
    const fileA = a.file ?? "";
    const fileB = b.file ?? "";
    if (fileA !== fileB) return fileA < fileB ? -1 : 1;
    return (a.span?.start ?? -1) - (b.span?.start ?? -1);
  });
}

function isClosing({ severity, file }: Diagnostic): boolean {
  return severity === "info" && file === undefined;
}
