/** Every message of the catalogue by its code; only `explain` needs it. */
import type { MessageKind } from "./diagnostic.ts";
import * as areas from "./messages/mod.ts";
import { suggest } from "./suggest.ts";

/** What `explain CODE` needs to know of a message. */
export type MessageEntry = Pick<MessageKind<never>, "code" | "title" | "explanation">;

/** The message with a code, or the code that was probably meant. */
export interface MessageLookup {
  readonly entry?: MessageEntry;
  readonly suggestion?: string;
}

function isEntry(value: unknown): value is MessageEntry {
  return typeof value === "function" && "code" in value && "title" in value &&
    "explanation" in value;
}

/** All messages in the order of their codes. */
export function allMessages(): readonly MessageEntry[] {
  const entries = Object.values(areas).flatMap((area) => Object.values(area).filter(isEntry));
  return entries.toSorted((a, b) => a.code < b.code ? -1 : a.code > b.code ? 1 : 0);
}

/** Finds a message by its code; case does not matter and `104` stands for `STW104`. */
export function findMessage(code: string): MessageLookup {
  const wanted = /^\d{3}$/.test(code) ? `STW${code}` : code.toUpperCase();
  const entries = allMessages();
  const entry = entries.find((each) => each.code === wanted);
  if (entry !== undefined) return { entry };
  const suggestion = suggest(wanted, entries.map((each) => each.code));
  return suggestion === undefined ? {} : { suggestion };
}

/** The long text of a message, wrapped at `width` columns. */
export function renderExplanation(entry: MessageEntry, width = 80): string {
  const lines: string[] = [];
  let line = "";
  for (const word of entry.explanation.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return `${entry.code}: ${entry.title}\n\n${lines.join("\n")}\n`;
}
