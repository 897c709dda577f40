/** Reading numbers out of a Hugging Face config, whose families spell the same thing differently. */
import type { Diagnostic, Outcome } from "../diagnostics/diagnostic.ts";
import { impossibleConfig } from "../diagnostics/messages/plan.ts";
import type { HfConfig } from "../language/pipeline.ts";

/** The largest size that a config may name; beyond it byte counts would leave the exact integers. */
const MAX_SIZE = 2 ** 31;

/**
 * Reads positive integers.
 *
 * @param spellings For each wanted name the keys that may hold it; the first that is present counts.
 */
export function positiveInteger<K extends string>(
  config: HfConfig,
  spellings: Readonly<Record<K, readonly string[]>>,
): Outcome<Record<K, number>> {
  const value = {} as Record<K, number>;
  const diagnostics: Diagnostic[] = [];
  for (const wanted of Object.keys(spellings) as K[]) {
    const key = spellings[wanted].find((spelling) => Object.hasOwn(config, spelling));
    const found = key === undefined ? undefined : config[key];
    if (typeof found === "number" && Number.isInteger(found) && found > 0 && found < MAX_SIZE) {
      value[wanted] = found;
      continue;
    }
    const names = spellings[wanted].join('" or "');
    const reason = found === undefined
      ? `the config lacks "${names}"`
      : `"${key}" must be a whole number from 1 to ${MAX_SIZE - 1}`;
    diagnostics.push(impossibleConfig({ reason }, { path: ["model", "config"] }));
  }
  return diagnostics.length > 0 ? { diagnostics } : { value, diagnostics };
}

/** Reads a positive integer that may be missing or null. */
export function optionalPositiveInteger(
  config: HfConfig,
  key: string,
  diagnostics: Diagnostic[],
): number | undefined {
  if (!Object.hasOwn(config, key) || config[key] === null) return undefined;
  const read = positiveInteger(config, { value: [key] });
  diagnostics.push(...read.diagnostics);
  return read.value?.value;
}

/** Reads a boolean; anything else means the default, as the library's config classes would have it. */
export function flag(config: HfConfig, key: string, fallback: boolean): boolean {
  const value = Object.hasOwn(config, key) ? config[key] : undefined;
  return typeof value === "boolean" ? value : fallback;
}
