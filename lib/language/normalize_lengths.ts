/** `generate` and `prompts`: how long a prompt is and how many tokens follow it. */
import type { Diagnostic, Outcome } from "../diagnostics/diagnostic.ts";
import * as messages from "../diagnostics/messages/language_meaning.ts";
import type { GenerateSpec, PromptsSpec } from "./pipeline.ts";
import type { Places } from "./places.ts";
import type { WrittenPipeline } from "./schema.ts";

/** New tokens where the file says nothing: what the published BLOOM measurements generate. */
const DEFAULT_NEW_TOKENS = 100;

/** Refuses sampling; which lengths agree depends on the cell and is for `newTokensOf`. */
export function normalizeGenerate(
  written: WrittenPipeline["generate"],
  places: Places,
): Outcome<GenerateSpec> {
  if (written.do_sample) {
    return { diagnostics: [messages.samplingRefused({}, places.value(["generate", "do_sample"]))] };
  }
  return { value: { ...written, do_sample: false }, diagnostics: [] };
}

/** A file implies its source; a file beside another source does nothing. */
export function normalizePrompts(
  written: WrittenPipeline["prompts"],
  places: Places,
): Outcome<PromptsSpec> {
  const { tokens, source, file } = typeof written === "string"
    ? { tokens: 8, source: written, file: undefined }
    : written;
  const meant = source ?? (file === undefined ? "synthetic" : "file");
  if (meant === "file") {
    if (file !== undefined) return { value: { tokens, source: meant, file }, diagnostics: [] };
    const place = places.value(["prompts", "source"]);
    return { diagnostics: [messages.promptFileMissing({}, place)] };
  }
  const value = { tokens, source: meant };
  if (file === undefined) return { value, diagnostics: [] };
  const parameters = {
    key: "file",
    reason: `the source of the prompts is ${meant}`,
    advice: "Remove it, or write source: file",
  };
  return { value, diagnostics: [messages.noEffect(parameters, places.key(["prompts", "file"]))] };
}

/**
 * New tokens of a cell that has no axis for them. `max_length` counts the prompt too, as in Hugging Face.
 *
 * @returns Less than 1 when the prompt leaves no room.
 */
export function newTokensOf(generate: GenerateSpec, promptTokens: number): number {
  if (generate.max_new_tokens !== undefined) return generate.max_new_tokens;
  if (generate.max_length !== undefined) return generate.max_length - promptTokens;
  return DEFAULT_NEW_TOKENS;
}

/** The lengths that the cells of a grid can have. */
export interface Lengths {
  readonly promptTokens: readonly number[];
  /** Values of the axis `newTokens`; empty when there is none. */
  readonly newTokens: readonly number[];
}

/**
 * Checks that the keys of `generate` allow the number of tokens that each cell generates. With an axis of new
 * tokens that axis decides, and keys that bound the length do nothing.
 */
export function checkLengths(
  generate: GenerateSpec,
  lengths: Lengths,
  places: Places,
): readonly Diagnostic[] {
  if (lengths.newTokens.length > 0) return overriddenKeys(generate, places);
  for (const promptTokens of lengths.promptTokens) {
    const found = checkOne(generate, promptTokens, places);
    if (found !== undefined) return [found];
  }
  return [];
}

const LENGTH_KEYS = ["max_new_tokens", "min_new_tokens", "max_length", "min_length"] as const;

function overriddenKeys(generate: GenerateSpec, places: Places): readonly Diagnostic[] {
  const reason = "the axis newTokens says how many tokens each cell generates";
  const advice = "Remove it, or the axis newTokens";
  return LENGTH_KEYS.filter((key) => generate[key] !== undefined).map((key) =>
    messages.noEffect({ key, reason, advice }, places.key(["generate", key]))
  );
}

function checkOne(
  generate: GenerateSpec,
  promptTokens: number,
  places: Places,
): Diagnostic | undefined {
  const { max_new_tokens, min_new_tokens = 0, max_length, min_length = 0 } = generate;
  const newTokens = newTokensOf(generate, promptTokens);
  const total = promptTokens + newTokens;
  if (newTokens < 1 && max_length !== undefined) {
    const place = places.value(["generate", "max_length"]);
    return messages.noRoomForNewTokens({ maxLength: max_length, promptTokens }, place);
  }
  const prompt = `a prompt of ${promptTokens} tokens and ${newTokens} new ones`;
  if (max_new_tokens !== undefined && max_length !== undefined && max_length !== total) {
    const problem = `${prompt} come to ${total}, and max_length is ${max_length}`;
    return messages.lengthsContradict({ problem }, places.value(["generate", "max_length"]));
  }
  if (min_new_tokens > newTokens) {
    const problem = `min_new_tokens is ${min_new_tokens}, and ${newTokens} are generated`;
    return messages.lengthsContradict({ problem }, places.value(["generate", "min_new_tokens"]));
  }
  if (min_length > total) {
    const problem = `${prompt} come to ${total}, and min_length is ${min_length}`;
    return messages.lengthsContradict({ problem }, places.value(["generate", "min_length"]));
  }
  return undefined;
}
