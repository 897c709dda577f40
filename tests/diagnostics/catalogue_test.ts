import assert from "node:assert/strict";
import type { Diagnostic } from "../../lib/diagnostics/diagnostic.ts";
import * as areas from "../../lib/diagnostics/messages/mod.ts";
import {
  allMessages,
  findMessage,
  type MessageEntry,
  renderExplanation,
} from "../../lib/diagnostics/registry.ts";
import { renderText } from "../../lib/diagnostics/render.ts";
import { samples } from "./samples.ts";

const MESSAGES_FOLDER = new URL("../../lib/diagnostics/messages/", import.meta.url);

type Make = MessageEntry & ((parameters: unknown) => Diagnostic);

interface Occurrence {
  readonly name: string;
  readonly entry: MessageEntry;
  readonly diagnostic: Diagnostic;
}

function occurrences(): readonly Occurrence[] {
  const all = Object.entries(areas).flatMap(([area, messages]) =>
    Object.entries(messages).map(([name, make]) => {
      const parameters = (samples as unknown as Record<string, Record<string, unknown>>)[area];
      const entry = make as unknown as Make;
      return { name, entry, diagnostic: entry(parameters?.[name]) };
    })
  );
  return all.toSorted((a, b) => a.entry.code < b.entry.code ? -1 : 1);
}

Deno.test("every diagnostic is worded, and explained", async (t) => {
  const texts = occurrences().map(({ entry, diagnostic }) =>
    `${renderText([diagnostic])}\n${renderExplanation(entry)}`
  );
  await t.assertSnapshot(texts.join("\n----\n\n"));
});

Deno.test("every file of messages is in the catalogue", () => {
  const files = Array.from(Deno.readDirSync(MESSAGES_FOLDER), ({ name }) => name)
    .filter((name) => name.endsWith(".ts") && name !== "mod.ts");
  const listed = Deno.readTextFileSync(new URL("mod.ts", MESSAGES_FOLDER));
  for (const name of files) assert.ok(listed.includes(`from "./${name}"`), name);
  assert.equal(Object.keys(areas).length, files.length);
});

Deno.test("a code belongs to one message", () => {
  const codes = allMessages().map(({ code }) => code);
  assert.deepEqual(codes, [...new Set(codes)]);
  assert.equal(codes.length, occurrences().length);
});

Deno.test("messages and help are sentences that start with a capital letter and have no period", () => {
  for (const { name, entry, diagnostic: { message, help } } of occurrences()) {
    for (const text of [message, help ?? "None", entry.title]) {
      assert.match(text, /^[A-Z0-9"]/, `${name}: ${text}`);
      assert.doesNotMatch(text, /[.]$/, `${name}: ${text}`);
    }
    assert.match(entry.explanation, /^\S.*[.]$/s, `${name}: ${entry.explanation}`);
    assert.doesNotMatch(entry.explanation, /\n|\s{2}/, name);
  }
});

Deno.test("every error has a next step", () => {
  const without = occurrences().filter(({ diagnostic: { severity, help } }) =>
    severity === "error" && (help ?? "") === ""
  );
  assert.deepEqual(without.map(({ name }) => name), []);
});

Deno.test("an explanation says more than its title", () => {
  for (const { code, title, explanation } of allMessages()) {
    assert.ok(explanation.length > title.length + 20, code);
  }
});

Deno.test("a message is found by its code in any case, and by its number", () => {
  for (const text of ["STW104", "stw104", "104"]) {
    assert.equal(findMessage(text).entry?.code, "STW104");
  }
  assert.deepEqual(findMessage("STW1044"), { suggestion: "STW104" });
  assert.deepEqual(findMessage("nothing like it"), {});
  assert.deepEqual(findMessage("__proto__"), {});
});
