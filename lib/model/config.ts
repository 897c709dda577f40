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
    diagnostics.push(...refuse(reason).diagnostics);
  }
  return diagnostics.length > 0 ? { diagnostics } : { value, diagnostics };
}

/** How most families spell the sizes that every decoder has. */
export const COMMON_SPELLINGS = {
  hiddenSize: ["hidden_size"],
  layers: ["num_hidden_layers"],
  heads: ["num_attention_heads"],
  vocabSize: ["vocab_size"],
} as const;

/**
 * Reads the sizes of a decoder.
 *
 * @param needed See `positiveInteger`.
 * @param optional Keys that may be missing or null, by the name that is wanted.
 */
export function readSizes<N extends string, O extends string = never>(
  config: HfConfig,
  needed: Readonly<Record<N, readonly string[]>>,
  optional?: Readonly<Record<O, string>>,
): Outcome<Record<N, number> & Partial<Record<O, number>>> {
  const present = Object.entries<string>(optional ?? {})
    .filter(([, key]) => Object.hasOwn(config, key) && config[key] !== null)
    .map(([wanted, key]) => [wanted, [key]] as const);
  const spellings = { ...needed, ...Object.fromEntries(present) };
  return positiveInteger(config, spellings) as Outcome<
    Record<N, number> & Partial<Record<O, number>>
  >;
}

/** Elements of a head where the heads share the hidden size; refuses what does not come out even. */
export function evenHeadDim(
  { hiddenSize, heads }: Readonly<Record<"hiddenSize" | "heads", number>>,
  spellings: Readonly<Record<"hiddenSize" | "heads", readonly string[]>> = COMMON_SPELLINGS,
): Outcome<number> {
  if (hiddenSize % heads === 0) return { value: hiddenSize / heads, diagnostics: [] };
  const [size, count] = [spellings.hiddenSize[0], spellings.heads[0]];
  return refuse(`${size} ${hiddenSize} is not divisible by ${count} ${heads}`);
}

/** The outcome of a config that no model can have, or whose model is not traced. */
export function refuse(reason: string): Outcome<never> {
  return { diagnostics: [impossibleConfig({ reason }, { path: ["model", "config"] })] };
}

/** Refuses a config in which a switch is not as the passes are written for; the values are those that are. */
export function otherThanTraced(
  config: HfConfig,
  switches: Readonly<Record<string, boolean>>,
): Outcome<never> | undefined {
  const other = Object.entries(switches).find(([key, value]) => flag(config, key, value) !== value);
  return other === undefined ? undefined : refuse(`${other[0]}: ${!other[1]} is not traced`);
}

/** Reads a boolean; anything else means the default, as the library's config classes would have it. */
export function flag(config: HfConfig, key: string, fallback: boolean): boolean {
  const value = Object.hasOwn(config, key) ? config[key] : undefined;
  return typeof value === "boolean" ? value : fallback;
}
