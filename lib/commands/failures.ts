/** How failures are told: the user's mistakes as diagnostics, ours as a bug with what to report. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { escapeUnsafe } from "../diagnostics/quote.ts";
import { renderText } from "../diagnostics/render.ts";
import { VERSION } from "../version.ts";
import type { Terminal } from "./terminal.ts";

/** Prints diagnostics to stderr, with an excerpt where the source is at hand. */
export function talkDiagnostics(
  diagnostics: readonly Diagnostic[],
  { terminal, source }: { terminal: Terminal; source?: string },
): void {
  if (diagnostics.length === 0) return;
  const text = renderText(diagnostics, {
    color: terminal.color.stderr,
    ...(source === undefined ? {} : { source }),
  });
  const always = diagnostics.some(({ severity }) => severity === "error");
  terminal.talk(text, { always });
}

/** A failure that no diagnostic foresaw. */
export function reportBug(
  error: unknown,
  argv: readonly string[],
  { terminal, debug }: { terminal: Terminal; debug: boolean },
): void {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const lines = [
    `error[STW901]: ${escapeUnsafe(message)}`,
    "  This is a bug of Stowage. Please report it with these lines:",
    `  stowage ${VERSION}, deno ${Deno.version.deno}, ${Deno.build.os} ${Deno.build.arch}`,
    `  arguments: ${escapeUnsafe(JSON.stringify(argv))}`,
    debug ? "" : "  Run it again with --debug to see where it happened.",
  ];
  terminal.talk(lines.filter((line) => line !== "").join("\n"), { always: true });
  if (debug && error instanceof Error) terminal.talk(String(error.stack), { always: true });
}
