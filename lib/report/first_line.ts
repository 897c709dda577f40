/** The first line of a text that somebody else wrote, short enough to stand within a line of ours. */
import { escapeUnsafe } from "../diagnostics/quote.ts";

/** At most so many characters; what is cut ends after a whole word, and with an ellipsis. */
export function firstLine(text: string, most: number): string {
  const line = escapeUnsafe(text.split("\n")[0] ?? "");
  if (line.length <= most) return line;
  const cut = line.slice(0, most - 1);
  const end = cut.lastIndexOf(" ");
  return `${(end > most / 2 ? cut.slice(0, end) : cut).trimEnd()}…`;
}
