import assert from "node:assert/strict";
import { BUILTIN_PROMPTS } from "../../lib/catalog/builtin_prompts.ts";
import { diskReader } from "../../lib/catalog/files.ts";
import type { Pipeline, PromptsSpec } from "../../lib/language/pipeline.ts";
import { parsePipeline } from "../../lib/language/compile.ts";
import { readPrompts } from "../../lib/plan/prompts.ts";
import { filesOf, planContext } from "./compile_text.ts";

function pipelineWith(prompts: PromptsSpec): Pipeline {
  const text = "model: bigscience/bloom\nhardware: 2x cpu\nstrategies: [{ use: accelerate }]\n";
  const pipeline = parsePipeline({ text, path: "p.yaml" }).value?.pipeline;
  assert.ok(pipeline);
  return { ...pipeline, prompts };
}

function read(prompts: PromptsSpec, texts: Readonly<Record<string, string>> = {}) {
  return readPrompts(pipelineWith(prompts), planContext({ files: filesOf(texts) }));
}

Deno.test("synthetic prompts have no text", () => {
  assert.deepEqual(read({ tokens: 8, source: "synthetic" }).value, { texts: [], files: [] });
});

Deno.test("builtin prompts are those of the catalog", () => {
  assert.deepEqual(read({ tokens: 8, source: "builtin" }).value, {
    texts: BUILTIN_PROMPTS,
    files: [],
  });
});

Deno.test("a file has one prompt a line, relative to the pipeline", () => {
  const spec = { tokens: 8, source: "file", file: "prompts.txt" } as const;
  const { value } = read(spec, { "/base/prompts.txt": "one\r\n\n  two  \n   \nthree" });
  assert.deepEqual(value, { texts: ["one", "  two  ", "three"], files: ["/base/prompts.txt"] });
});

Deno.test("a file that is missing or has no lines is a mistake at prompts.file", () => {
  const spec = { tokens: 8, source: "file", file: "prompts.txt" } as const;
  for (const texts of [{}, { "/base/prompts.txt": "\n \n" }]) {
    const { value, diagnostics } = read(spec, texts);
    assert.equal(value, undefined);
    assert.deepEqual(diagnostics.map(({ code, path }) => [code, path]), [
      ["STW312", ["prompts", "file"]],
    ]);
  }
});

Deno.test("a device that never ends is no file of prompts", () => {
  const pipeline = pipelineWith({ tokens: 8, source: "file", file: "/dev/zero" });
  const { diagnostics } = readPrompts(pipeline, planContext({ files: diskReader }));
  assert.equal(diagnostics[0]?.message, 'Cannot read prompts from "/dev/zero": it is not a file');
});
