/** How failures are told: the user's mistakes as diagnostics, ours as a bug with what to report. */
import { type Diagnostic, hasErrors } from "../diagnostics/diagnostic.ts";
import { unforeseen } from "../diagnostics/messages/bug.ts";
import { escapeUnsafe } from "../diagnostics/quote.ts";
import { renderText } from "../diagnostics/render.ts";
import { VERSION } from "../version.ts";
import type { Terminal } from "./terminal.ts";

/** Prints diagnostics to stderr, with an excerpt where the source is at hand. */
export function talkDiagnostics(
  diagnostics: readonly Diagnostic[],
  { terminal, source }: {
    readonly terminal: Terminal;
    /** The text of a file by its name; undefined for a file that is not at hand. */
    readonly source?: (file: string) => string | undefined;
  },
): void {
  if (diagnostics.length === 0) return;
  const text = renderText(diagnostics, {
    color: terminal.color.stderr,
    ...(source === undefined ? {} : { source }),
  });
  terminal.talk(text, { always: hasErrors(diagnostics) });
}

/** A failure that no diagnostic foresaw. */
export function reportBug(
  error: unknown,
  argv: readonly string[],
  { terminal, debug }: { terminal: Terminal; debug: boolean },
): void {
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const platform = `deno ${Deno.version.deno}, ${Deno.build.os} ${Deno.build.arch}`;
  talkDiagnostics([unforeseen({ what, version: VERSION, platform, argv })], { terminal });
  if (!debug) {
    terminal.talk("  Run it again with --debug to see where it happened.", { always: true });
  } else if (error instanceof Error) {
    const stack = String(error.stack).split("\n").map(escapeUnsafe).join("\n");
    terminal.talk(stack, { always: true });
  }
}
