/**
 * The kinds of values that the written form of a pipeline is made of, as zod types.
 *
 * Convention: the error text of a type is not a sentence but the phrase for what was expected ("a size such as
 * 512GB"), which `schema_issues.ts` puts into a message of the catalogue.
 */
import * as z from "zod";
import { listWords } from "../diagnostics/quote.ts";
import {
  DEVICES_PATTERN,
  parseQuantity,
  QUANTITY_EXAMPLES,
  type QuantityKind,
  quantityPattern,
  type QuantityProblem,
} from "./units.ts";

// A file is checked once: code made for it on the fly would never be run a second time.
z.config({ jitless: true });

/** What is wrong with a quantity; stands under `params` of a custom issue. */
export interface QuantityIssue {
  readonly kind: QuantityKind;
  readonly problem: QuantityProblem | { readonly reason: "zero" };
}

/** Beyond this a count of sequences or tokens is surely a mistake. */
const MAX_COUNT = 1_000_000;

const QUANTITY_NAMES: Readonly<Record<QuantityKind, string>> = {
  size: "a size",
  rate: "a rate",
  duration: "a duration",
  flops: "a rate of operations",
};

/** Keys that the phrase for a mapping names. */
const SHOWN_KEYS = 3;

/** A mapping that takes these keys only. Its issue of unknown keys carries the known ones. */
export function mapping<S extends z.ZodRawShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  const keys = Object.keys(shape);
  const phrase = keys.length === 1
    ? `a mapping with the key ${keys[0]}`
    : `a mapping with keys such as ${listWords(keys.slice(0, SHOWN_KEYS))}`;
  return z.strictObject(shape, {
    error: (issue) => issue.code === "unrecognized_keys" ? keys.join(" ") : phrase,
  });
}

/** The longest path or name that a file may give. */
const MAX_TEXT = 1024;

/**
 * A text with at least one character and no character of control: it may become a path or an argument. Lone
 * surrogates could not be written into a file as UTF-8.
 */
export function text(): z.ZodString {
  const phrase = `a text of 1 to ${MAX_TEXT} characters without characters of control`;
  // Editors check the pattern without the flag "u", so surrogates are not for it to judge.
  // deno-lint-ignore no-control-regex
  const printable = /^[^\u0000-\u001f\u007f-\u009f]+$/;
  return z.string("text").max(MAX_TEXT, phrase).regex(printable, phrase)
    .refine((value) => value.isWellFormed(), phrase);
}

/** A text that may become the name of a folder and a part of a cell id. */
export function name(): z.ZodString {
  const phrase =
    "a name of letters, digits, dots, underscores and dashes, of at most 100 characters";
  return z.string("a name").regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, phrase);
}

/** A whole number from `least` to `most`. */
export function count(least = 1, most: number = MAX_COUNT): z.ZodInt {
  const phrase = `a whole number from ${least} to ${most}`;
  return z.int(phrase).min(least, phrase).max(most, phrase);
}

/** One of a few words. */
export function choice<const T extends readonly [string, ...string[]]>(
  ...words: T
): z.ZodEnum<{ [K in T[number]]: K }> {
  return z.enum(words) as unknown as z.ZodEnum<{ [K in T[number]]: K }>;
}

/** True or false. */
export function flag(): z.ZodBoolean {
  return z.boolean("true or false");
}

/** A number with a unit, as a text or a plain number; becomes a plain number. */
export function quantity(
  kind: QuantityKind,
  zero: "zero" | "positive" = "positive",
): z.ZodType<number, string | number> {
  const written = z.union(
    [z.string().meta({ pattern: quantityPattern(kind) }), z.number().meta({ minimum: 0 })],
    `${QUANTITY_NAMES[kind]} such as ${QUANTITY_EXAMPLES[kind]}`,
  );
  return written.transform((value, context) => {
    const parsed = parseQuantity(kind, value);
    if (typeof parsed === "number" && (parsed > 0 || zero === "zero")) return parsed;
    const problem = typeof parsed === "number" ? { reason: "zero" as const } : parsed;
    const params = { kind, problem } satisfies QuantityIssue;
    context.issues.push({ code: "custom", input: value, params });
    return z.NEVER;
  });
}

/** What `deviceCount` expects. */
export const DEVICES_PHRASE = 'a count and a kind such as "8x A100-SXM4-80GB" or "2x cpu"';

/** `8x A100-SXM4-80GB`. */
export function deviceCount(): z.ZodString {
  return z.string(DEVICES_PHRASE).regex(new RegExp(DEVICES_PATTERN), DEVICES_PHRASE);
}
