/** Resolves the `stack` key: a named set of library versions, or versions spelled out. */
import type { Diagnostic, Outcome, ValuePath } from "../diagnostics/diagnostic.ts";
import { badVersion, unknownPackage, unknownStack } from "../diagnostics/messages/catalog.ts";
import { suggest } from "../diagnostics/suggest.ts";
import type { StackSpec } from "../language/pipeline.ts";
import data from "./data/stacks.json" with { type: "json" };
import type { StackFact } from "./facts.ts";
import type { Stack } from "./types.ts";

const STACKS: readonly StackFact[] = data.stacks;
const STACK_PATH: ValuePath = ["stack"];

/** The stack that a pipeline has when it names none, and that fills in packages which it leaves out. */
const CURRENT_STACK = "current";

/** Packages whose versions decide behaviours. */
export const STACK_PACKAGES: readonly string[] = [
  "torch",
  "transformers",
  "accelerate",
  "deepspeed",
  "bitsandbytes",
];

/** What people call a package whose name on PyPI is another. */
const NICKNAMES: Readonly<Record<string, string>> = { pytorch: "torch" };

/** A release of PyPI (PEP 440) with two to four numbers, and what may follow them. */
const VERSION_REGEXP =
  /^\d{1,6}(\.\d{1,6}){1,3}((a|b|rc|\.?dev|\.?post)\d{1,8})*(\+[a-z0-9.]{1,40})?$/i;

/** Every stack with its source, in catalog order. */
export function stackFacts(): readonly StackFact[] {
  return STACKS;
}

/**
 * Resolves a stack. Spelled versions are completed from `current`; the result is runnable only when it equals a
 * runnable stack of the catalog, build tags such as `+cpu` aside.
 */
export function resolveStack(spec: StackSpec): Outcome<Stack> {
  return "name" in spec ? namedStack(spec.name) : spelledStack(spec.versions);
}

/** Whether two versions are the same release, whatever it was built for (`2.13.0+cpu` and `2.13.0`). */
export function sameRelease(left: string, right: string): boolean {
  return left.split("+")[0] === right.split("+")[0];
}

function namedStack(name: string): Outcome<Stack> {
  const fact = STACKS.find((stack) => stack.name === name);
  if (fact !== undefined) return { value: toStack(fact), diagnostics: [] };
  const suggestion = suggest(name, STACKS.map((stack) => stack.name));
  return { diagnostics: [unknownStack({ name, suggestion }, { path: STACK_PATH })] };
}

function spelledStack(spelled: Readonly<Record<string, string>>): Outcome<Stack> {
  const diagnostics: Diagnostic[] = [];
  for (const [name, version] of Object.entries(spelled)) {
    const place = { path: [...STACK_PATH, name] };
    if (!STACK_PACKAGES.includes(name)) {
      const suggestion = nicknamed(name) ?? suggest(name, STACK_PACKAGES);
      diagnostics.push(unknownPackage({ name, suggestion }, place));
    } else if (!VERSION_REGEXP.test(version)) {
      diagnostics.push(badVersion({ name, version }, place));
    }
  }
  const current = namedStack(CURRENT_STACK).value;
  if (diagnostics.length > 0 || current === undefined) return { diagnostics };

  const versions = { ...current.versions, ...spelled };
  const equal = STACKS.map(toStack).find((stack) => sameVersions(stack.versions, versions));
  if (equal !== undefined) return { value: { ...equal, versions }, diagnostics };
  const changed = Object.keys(versions).filter((name) => versions[name] !== current.versions[name]);
  const name = changed.map((packageName) => `${packageName}-${versions[packageName]}`).join("_");
  return { value: { name, versions, runnable: false }, diagnostics };
}

function nicknamed(name: string): string | undefined {
  return Object.hasOwn(NICKNAMES, name.toLowerCase()) ? NICKNAMES[name.toLowerCase()] : undefined;
}

function sameVersions(
  left: Readonly<Record<string, string>>,
  right: Readonly<Record<string, string>>,
): boolean {
  const names = Object.keys(left);
  return names.length === Object.keys(right).length &&
    names.every((name) => sameRelease(left[name] ?? "", right[name] ?? ""));
}

function toStack(fact: StackFact): Stack {
  const versions: Record<string, string> = {};
  for (const name of STACK_PACKAGES) {
    const version = fact.versions[name];
    if (version !== undefined) versions[name] = version;
  }
  return { name: fact.name, versions, runnable: fact.runnable };
}
