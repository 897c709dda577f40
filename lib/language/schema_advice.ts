/** Next steps that what was written suggests: a pair of brackets, another unit, the word that was meant. */
import type { ValuePath } from "../diagnostics/diagnostic.ts";
import { quote } from "../diagnostics/quote.ts";
import { suggest } from "../diagnostics/suggest.ts";

/** Values for the keys that a file can lack. */
const EXAMPLES: Readonly<Record<string, string>> = {
  model: "bigscience/bloom-560m",
  hardware: "8x A100-SXM4-80GB",
  strategies: "[accelerate, ds-inference, ds-zero]",
  use: "accelerate",
  kind: "A100-SXM4-80GB",
  command: '[python, script.py, "{{ batchSize }}"]',
};

/** A value to write behind a key that is missing. */
export function exampleOf(key: string): string {
  return EXAMPLES[key] ?? "...";
}

/** Names that PyTorch, DeepSpeed and other programs give to the same thing. */
const SYNONYMS: Readonly<Record<string, string>> = {
  bf16: "bfloat16",
  fp16: "float16",
  half: "float16",
  f16: "float16",
  fp32: "float32",
  float: "float32",
  f32: "float32",
  disk: "nvme",
};

/** The choice that was meant, or what to write in its place. */
export function choiceHint(
  value: string,
  choices: readonly string[],
  path: ValuePath,
): { readonly suggestion?: string; readonly advice?: string } {
  const word = value.replace(/^torch\./, "").toLowerCase();
  const synonym = Object.hasOwn(SYNONYMS, word) ? SYNONYMS[word] : undefined;
  const suggestion = synonym !== undefined && choices.includes(synonym)
    ? synonym
    : suggest(word, choices);
  if (suggestion !== undefined) return { suggestion };
  if (path.length === 2 && path[0] === "strategies" && word === "script") {
    return { advice: "A script needs a command: { use: script, command: [...] }" };
  }
  if (path.length === 1 && path[0] === "prompts" && /[./]/.test(value)) {
    return { advice: 'For prompts from a file, write "file: PATH" below prompts' };
  }
  return {};
}

/** The unit that was meant; a rate and a size are told apart by `/s`. */
export function suggestUnit(unit: string, accepted: readonly string[]): string | undefined {
  const other = unit.endsWith("/s") ? unit.slice(0, -2) : `${unit}/s`;
  return accepted.includes(other) ? other : suggest(unit, accepted);
}

/** Words that are logical values in quotes, or in YAML 1.1. */
const LOGICAL_WORDS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["yes", true],
  ["on", true],
  ["false", false],
  ["no", false],
  ["off", false],
]);

/**
 * How to turn what was found into the type that is expected, where that is plain.
 *
 * @param expected Type in the words of zod.
 */
export function typeAdvice(
  expected: string,
  value: unknown,
  path: ValuePath,
): { readonly advice?: string } {
  if (Array.isArray(value)) {
    if (path[0] === "strategies" && path.length > 2) {
      return { advice: "Write one value here; to try several, list them under grid" };
    }
    if (path[0] === "grid" && path.length > 3) {
      return { advice: "Write one value here, and an entry of its own for each further value" };
    }
    return {};
  }
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") {
    return {};
  }
  const written = typeof value === "string" ? quote(value, 40).slice(1, -1) : String(value);
  if (expected === "array") return { advice: `Put it into brackets: [${written}]` };
  if (expected === "boolean") {
    const meant = LOGICAL_WORDS.get(written.toLowerCase());
    return meant === undefined ? {} : { advice: `Write ${meant}, without quotes` };
  }
  if (["number", "int"].includes(expected) && /^-?\d{1,15}(\.\d+)?$/.test(written)) {
    return { advice: `Write ${written}, without quotes` };
  }
  return {};
}
