/**
 * The words of a command and their placeholders. A placeholder is a name in double braces and nothing more: the words are
 * text of a pipeline, and a template language would run what they say while the plan is made.
 */

/** What can stand between the braces. */
export interface WordValues {
  readonly batchSize: number;
  readonly promptTokens: number;
  readonly newTokens: number;
  /** Name of the model. */
  readonly model: string;
  /** Absolute folder of its weights; empty where they are made on the device. */
  readonly checkpoint: string;
  readonly dtype: string;
  /** Number of devices. */
  readonly devices: number;
  /** Free when the command is started. */
  readonly port: number;
  /** Interpreter with the stack. */
  readonly python: string;
  /** Absolute folder of the session, to write into. */
  readonly session: string;
}

/** `tokens` is what the scripts of 2022 called new tokens. */
type Placeholder = keyof WordValues | "tokens";

/** The names, in the order in which they are told. */
export const PLACEHOLDERS: readonly Placeholder[] = [
  "batchSize",
  "promptTokens",
  "newTokens",
  "tokens",
  "model",
  "checkpoint",
  "dtype",
  "devices",
  "port",
  "python",
  "session",
];

const PLACEHOLDER_REGEXP = /\{\{\s*(\w+)\s*\}\}/g;

/** The names that stand in a word, known or not. */
export function placeholdersIn(word: string): string[] {
  return [...word.matchAll(PLACEHOLDER_REGEXP)].map(([, name = ""]) => name);
}

/** What looks like a part of a template and is none; undefined where nothing does. */
export function notPlaceholder(word: string): string | undefined {
  return /\{[{%#].{0,20}/.exec(word.replaceAll(PLACEHOLDER_REGEXP, ""))?.[0];
}

/** A word with its placeholders filled in; the values are not looked at again. */
export function fillWord(word: string, values: WordValues): string {
  const known: Readonly<Record<string, string | number>> = { ...values, tokens: values.newTokens };
  return word.replaceAll(PLACEHOLDER_REGEXP, (_, name: string) => {
    const value = Object.hasOwn(known, name) ? known[name] : undefined;
    if (value === undefined) throw new TypeError(`Cannot fill a word: "${name}" is unknown`);
    return String(value);
  });
}
