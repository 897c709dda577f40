import { badFiles } from "./bad_files.ts";
import { badMeanings } from "./bad_meanings.ts";
import { badValues } from "./bad_values.ts";
import { render, smallPipeline } from "./builders.ts";

/** Each case with what a user reads about it. */
function renderTable(table: Readonly<Record<string, string>>): string {
  return Object.entries(table).map(([what, text]) => `### ${what}\n${render(text)}`).join("\n");
}

function completed(table: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(table).map(([what, more]) => [what, smallPipeline(more)]),
  );
}

Deno.test("files that are no pipeline are explained", async (t) => {
  await t.assertSnapshot(renderTable(badFiles));
});

Deno.test("wrong values are explained", async (t) => {
  await t.assertSnapshot(renderTable(completed(badValues)));
});

Deno.test("values that are wrong together are explained", async (t) => {
  await t.assertSnapshot(renderTable(completed(badMeanings)));
});
