import assert from "node:assert/strict";
import { firstLine } from "../../lib/report/first_line.ts";

Deno.test("a long line ends after a whole word and says that it was cut", () => {
  assert.equal(firstLine("short\nand more", 20), "short");
  assert.equal(firstLine("exactly twenty chars", 20), "exactly twenty chars");
  assert.equal(firstLine("you tried to allocate memory", 20), "you tried to…");
  assert.equal(firstLine("x".repeat(30), 20), `${"x".repeat(19)}…`);
});

Deno.test("what a terminal would act upon is shown instead", () => {
  assert.ok(!firstLine("bad \x1b[31mluck", 40).includes("\x1b"));
});
