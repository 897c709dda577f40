/** Where the data of a command goes: stdout or a file. */
import { reasonOf } from "../catalog/json_file.ts";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { outputUnwritable } from "../diagnostics/messages/input.ts";
import { quote } from "../diagnostics/quote.ts";
import type { OutputSettings } from "./settings.ts";

/**
 * Prints, or writes to the file of `--output`; parts must end with a newline.
 *
 * @throws DiagnosticError (STW601) when the file cannot be written.
 */
export function putOut(
  text: string | Iterable<string>,
  { terminal, output }: OutputSettings,
): void {
  if (output !== undefined) {
    writeFile(output, typeof text === "string" ? text : [...text].join(""), { terminal });
  } else {
    for (const part of typeof text === "string" ? [text] : text) terminal.write(part);
  }
}

/** Writes a file and says so. Throws as `putOut` does. */
export function writeFile(
  path: string,
  text: string,
  { terminal }: Pick<OutputSettings, "terminal">,
): void {
  try {
    Deno.writeTextFileSync(path, text);
  } catch (error) {
    throw new DiagnosticError([outputUnwritable({ path, reason: reasonOf(error) })]);
  }
  terminal.talk(`Wrote ${quote(path, 200)}`);
}
