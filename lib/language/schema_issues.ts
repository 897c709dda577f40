/** What zod found, as diagnostics: one clear sentence for each mistake, with a place and a suggestion. */
import type * as z from "zod";
import type { Diagnostic, ValuePath } from "../diagnostics/diagnostic.ts";
import * as messages from "../diagnostics/messages/language_value.ts";
import { listWords, quote } from "../diagnostics/quote.ts";
import { suggest } from "../diagnostics/suggest.ts";
import { describePath, type Places } from "./places.ts";
import { choiceHint, exampleOf, suggestUnit, typeAdvice } from "./schema_advice.ts";
import { optionsOf, USES } from "./schema_strategies.ts";
import type { QuantityIssue } from "./schema_values.ts";
import { QUANTITY_EXAMPLES, unitsOf } from "./units.ts";

type Issue = z.core.$ZodIssue;

/** Type names of zod that no phrase of the schema has replaced. */
const TYPE_PHRASES: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
};

const QUANTITY_PROBLEMS: Readonly<Record<string, string>> = {
  malformed: "it is not a number with a unit",
  negative: "it is negative",
  fraction: "it does not come to a whole number",
  range: "it is beyond 2^53",
  zero: "it is zero",
};

/** The value at a path; undefined when there is none. */
export function valueAt(root: unknown, path: ValuePath): unknown {
  let value = root;
  for (const part of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) {
      return undefined;
    }
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}

/** A value in a message: short, safe, and never a whole structure. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return quote(value, 40);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (value === null || value === undefined) return "nothing";
  if (!Array.isArray(value)) {
    return Object.keys(value).length === 0 ? "an empty mapping" : "a mapping";
  }
  return value.length === 0 ? "an empty list" : "a list";
}

/** Turns the issues of one part of the file, at `base`, into diagnostics. */
export function issuesToDiagnostics(
  issues: readonly Issue[],
  base: ValuePath,
  root: unknown,
  places: Places,
): readonly Diagnostic[] {
  return issues.flatMap((issue) => translate(issue, base, root, places));
}

function translate(
  issue: Issue,
  base: ValuePath,
  root: unknown,
  places: Places,
): readonly Diagnostic[] {
  const path = [...base, ...issue.path.map((part) => typeof part === "symbol" ? "" : part)];
  const value = valueAt(root, path);
  const place = places.value(path);
  const where = describePath(path);
  const found = describeValue(value);
  if (issue.code === "unrecognized_keys") {
    const allowed = issue.message.split(" ");
    return issue.keys.map((key) => unknownKey(key, allowed, path, root, places));
  }
  if (value === undefined) {
    const parent = path.slice(0, -1);
    const key = String(path.at(-1) ?? "");
    const parameters = { key, where: describePath(parent), example: exampleOf(key) };
    return [messages.missingKey(parameters, places.key(parent))];
  }
  switch (issue.code) {
    case "invalid_union":
      return translateUnion(issue, path, root, places);
    case "invalid_value":
      return [notChoice(value, issue.values.map(String), path, places)];
    case "invalid_type":
      if (isVersion(path) && typeof value === "number") return [numberVersion(value, path, places)];
      if (["array", "object", "string", "boolean"].includes(issue.expected) || !isNumber(value)) {
        const phrase = issue.message.startsWith("Invalid input")
          ? TYPE_PHRASES[issue.expected] ?? issue.expected
          : issue.message;
        const advice = typeAdvice(issue.expected, value, path);
        return [messages.wrongType({ where, expected: phrase, found, ...advice }, place)];
      }
      return [messages.outOfRange({ where, found, requirement: issue.message }, place)];
    case "invalid_format":
      return [messages.malformedText({ where, found, expected: issue.message }, place)];
    case "invalid_key": {
      const expected = issue.issues[0]?.message ?? "another key";
      const key = quote(String(path.at(-1)), 40);
      const inside = `a key of ${describePath(path.slice(0, -1))}`;
      const parameters = { where: inside, found: key, expected };
      return [messages.malformedText(parameters, places.key(path))];
    }
    case "custom":
      if (isQuantityIssue(issue.params)) return [badQuantity(issue.params, value, path, places)];
  }
  const length = Array.isArray(value) && value.length > 0 ? ` of ${value.length} values` : "";
  const parameters = { where, found: `${found}${length}`, requirement: issue.message };
  return [messages.outOfRange(parameters, place)];
}

function isNumber(value: unknown): boolean {
  return typeof value === "number";
}

/** Versions stand right under `stack`, which can also be the name of one. */
function isVersion(path: ValuePath): boolean {
  return path[0] === "stack" && path.length <= 2;
}

function numberVersion(value: number, path: ValuePath, places: Places): Diagnostic {
  const written = places.text(path) ?? String(value);
  const parameters = { where: describePath(path), written, read: String(value) };
  return messages.versionIsNumber(parameters, places.value(path));
}

function isQuantityIssue(params: unknown): params is QuantityIssue {
  return typeof params === "object" && params !== null && "problem" in params;
}

function badQuantity(
  { kind, problem }: QuantityIssue,
  value: unknown,
  path: ValuePath,
  places: Places,
): Diagnostic {
  const where = describePath(path);
  const place = places.value(path);
  if (problem.reason === "unit") {
    const accepted = unitsOf(kind);
    const suggestion = suggestUnit(problem.unit, accepted);
    const hint = suggestion === undefined ? {} : { suggestion };
    return messages.wrongUnit({ where, unit: problem.unit, accepted, ...hint }, place);
  }
  const parameters = {
    where,
    found: describeValue(value),
    problem: QUANTITY_PROBLEMS[problem.reason] ?? problem.reason,
    example: QUANTITY_EXAMPLES[kind],
  };
  return messages.badQuantity(parameters, place);
}

function notChoice(
  value: unknown,
  choices: readonly string[],
  path: ValuePath,
  places: Places,
): Diagnostic {
  const where = describePath(path);
  const found = describeValue(value);
  const place = places.value(path);
  if (typeof value !== "string") {
    const expected = `one of ${listWords(choices)}`;
    const advice = typeAdvice("string", value, path);
    return messages.wrongType({ where, expected, found, ...advice }, place);
  }
  const hint = choiceHint(value, choices, path);
  return messages.notChoice({ where, found, choices, ...hint }, place);
}

function unknownKey(
  key: string,
  allowed: readonly string[],
  path: ValuePath,
  root: unknown,
  places: Places,
): Diagnostic {
  const inStrategy = path[0] === "strategies" && path.length === 2;
  const use = inStrategy ? valueAt(root, [...path, "use"]) : undefined;
  const ownedBy = inStrategy
    ? USES.filter((each) => each !== use && optionsOf(each).includes(key))
    : [];
  const suggestion = suggest(key, allowed);
  const parameters = {
    key,
    where: describePath(path),
    allowed,
    ownedBy,
    ...(suggestion === undefined ? {} : { suggestion }),
  };
  return messages.unknownKey(parameters, places.key([...path, key]));
}

/** Whether a branch of a union was meant at all: its mistakes are inside, not the type of the whole. */
function isMeant(branch: readonly Issue[]): boolean {
  return branch.every((issue) =>
    issue.path.length > 0 ||
    !["invalid_type", "invalid_value", "invalid_union"].includes(issue.code)
  );
}

/** One sentence for a union: that of the branch that was meant, else that none fits. */
function translateUnion(
  issue: z.core.$ZodIssueInvalidUnion,
  path: ValuePath,
  root: unknown,
  places: Places,
): readonly Diagnostic[] {
  const value = valueAt(root, path);
  if (issue.discriminator !== undefined) {
    return [notChoice(value, USES, path, places)];
  }
  const meant = issue.errors.find(isMeant);
  if (meant !== undefined) return issuesToDiagnostics(meant, path, root, places);
  if (path[0] === "stack" && typeof value === "number") return [numberVersion(value, path, places)];
  for (const [first] of issue.errors) {
    if (first?.code === "invalid_value" && typeof value === "string") {
      return [notChoice(value, first.values.map(String), path, places)];
    }
  }
  const parameters = {
    where: describePath(path),
    expected: issue.message,
    found: describeValue(value),
  };
  return [messages.wrongType(parameters, places.value(path))];
}
