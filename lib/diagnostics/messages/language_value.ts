/** STW120 to STW139: a value that is wrong by itself, whatever stands elsewhere in the file. */
import { message } from "../diagnostic.ts";
import { listWords, quote } from "../quote.ts";

export const unknownKey = message<{
  key: string;
  where: string;
  allowed: readonly string[];
  suggestion?: string;
  /** The strategies that do have an option of that name. */
  ownedBy?: readonly string[];
}>({
  code: "STW120",
  title: "Unknown key",
  explanation:
    "The key has no meaning at this place, so it would have no effect. Nothing is ignored silently: a misspelt option " +
    "would otherwise give a wrong measurement. Keys of the pipeline are written in camelCase; the arguments of " +
    "generate and the keys of a model configuration keep the spelling of Hugging Face.",
  message: ({ key, where }) => `Unknown key ${quote(key)} in ${where}`,
  help: ({ suggestion, allowed, ownedBy }) => {
    if (ownedBy !== undefined && ownedBy.length > 0) {
      return `It is an option of ${listWords(ownedBy)}; the keys here are ${listWords(allowed)}`;
    }
    if (suggestion !== undefined) return `Did you mean "${suggestion}"?`;
    return `The keys here are ${listWords(allowed)}`;
  },
});

export const missingKey = message<{ key: string; where: string; example: string }>({
  code: "STW121",
  title: "A key is missing",
  explanation:
    "The key has no default, so the file has to give it. A pipeline needs model, hardware and strategies, and a " +
    "strategy written as a mapping needs use.",
  message: ({ key, where }) => `The key ${quote(key)} is missing in ${where}`,
  help: ({ key, example }) => `Add "${key}: ${example}"`,
});

export const wrongType = message<{
  where: string;
  expected: string;
  found: string;
  /** The next step, where what was found suggests one. */
  advice?: string;
}>({
  code: "STW122",
  title: "A value is of the wrong type",
  explanation:
    "The key takes another type of value than the one that was found. YAML reads plain words as text, digits as numbers, " +
    "true and false as logical values and an empty place as nothing; quotes make a text of all of them. A list is " +
    "written [a, b] or with dashes, a mapping {key: value} or with indented keys.",
  message: ({ where, expected, found }) => `Expected ${expected} for ${where}, found ${found}`,
  help: ({ expected, advice }) => advice ?? `Write ${expected}`,
});

export const notChoice = message<{
  where: string;
  found: string;
  choices: readonly string[];
  suggestion?: string;
  /** The next step, where what was found suggests one. */
  advice?: string;
}>({
  code: "STW123",
  title: "A value is not one of the choices",
  explanation:
    "The key takes one of a few words. Case counts, and so do dashes. The help line names the nearest word or lists " +
    "all of them.",
  message: ({ where, found }) => `Unknown value ${found} for ${where}`,
  help: ({ choices, suggestion, advice }) => {
    const list = `The choices are ${listWords(choices)}`;
    if (suggestion !== undefined) return `Did you mean "${suggestion}"? ${list}`;
    return advice === undefined ? list : `${advice}. ${list}`;
  },
});

export const outOfRange = message<{ where: string; found: string; requirement: string }>({
  code: "STW124",
  title: "A value is out of range",
  explanation:
    "Counts such as batch sizes, tokens and devices are whole numbers of at least one and have an upper limit, " +
    "beyond which a value is surely a mistake. Lists of values, lists of strategies and the packages of a stack cannot " +
    "be empty.",
  message: ({ where, found }) => `The value of ${where} cannot be ${found}`,
  help: ({ requirement }) => `Write ${requirement}`,
});

export const badQuantity = message<{
  where: string;
  found: string;
  problem: string;
  example: string;
}>({
  code: "STW125",
  title: "A quantity cannot be read",
  explanation:
    "A quantity is a number followed by its unit, such as 512GB, 79GiB, 3GB/s, 10min or 312TFLOPS. It cannot be negative, " +
    "has to come to a whole number of bytes, seconds or operations, and has to stay below 2^53, so that it is exact. " +
    "GB counts thousands and GiB counts powers of 1024. Without a unit, a number is in bytes, seconds or operations.",
  message: ({ where, found, problem }) => `Cannot read ${found} for ${where}: ${problem}`,
  help: ({ example }) => `Write a quantity such as ${example}`,
});

export const wrongUnit = message<{
  where: string;
  unit: string;
  accepted: readonly string[];
  suggestion?: string;
}>({
  code: "STW126",
  title: "Wrong unit",
  explanation:
    "The unit is unknown or belongs to another kind of quantity. Case counts, because Gb means bits and GB bytes. Units " +
    "mean what they say: 1 GB is 1,000,000,000 bytes and 1 GiB is 1,073,741,824 bytes.",
  message: ({ where, unit }) => `Wrong unit ${quote(unit)} for ${where}`,
  help: ({ accepted, suggestion }) =>
    suggestion === undefined
      ? `The units are ${listWords(accepted)}`
      : `Did you mean "${suggestion}"? The units are ${listWords(accepted)}`,
});

export const versionIsNumber = message<{ where: string; written: string; read: string }>({
  code: "STW127",
  title: "A version is read as a number",
  explanation:
    "YAML reads 2.10 as a number, which is the same number as 2.1, so the version would be lost. Quotes make it a text. " +
    "The same holds for a stack whose name consists of digits only.",
  message: ({ where, written, read }) =>
    `YAML reads ${where} as the number ${read}, not as the version "${written}"`,
  help: ({ written }) => `Put it in quotes: "${written}"`,
});

export const malformedText = message<{ where: string; found: string; expected: string }>({
  code: "STW128",
  title: "A text has the wrong form",
  explanation:
    "Names become names of folders and parts of cell ids, so they consist of letters, digits, dots, underscores and dashes " +
    "and start with a letter or a digit. Devices are a count and a kind, versions are those of Python packages, and " +
    "the keys of a memory map are device indices or cpu.",
  message: ({ where, found }) => `The text ${found} has the wrong form for ${where}`,
  help: ({ expected }) => `Write ${expected}`,
});
