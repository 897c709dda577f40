/** Mistakes of syntax in plain words. The YAML library words them for people who know its grammar. */

/** What the YAML library says about one mistake. */
export interface YamlMistake {
  readonly code: string;
  readonly message: string;
}

/** The problem continues a sentence; the advice is the next step. */
export interface YamlWording {
  readonly problem: string;
  readonly advice: string;
}

/** The first pattern that agrees with the library's message counts; `$1` is what its group holds. */
const WORDINGS: readonly (readonly [pattern: RegExp, problem: string, advice: string])[] = [
  [/^Tabs are not allowed/, "a tab stands in the indentation", "Indent with spaces"],
  [
    /must start at the same column|^A block sequence may not/,
    "items of one mapping or list start in different columns",
    "Let all keys of a mapping, and all dashes of a list, start in the same column",
  ],
  [
    /(?:flow map|flow sequence).* end with an? (.)/i,
    "the closing $1 is missing",
    "Add the $1, and indent the lines inside the brackets",
  ],
  [/^Missing closing (.)quote/, "a quote is never closed", "Close it with $1"],
  [
    /^Implicit keys/,
    "a key spans several lines",
    "Look for a missing colon, a missing space behind a colon or an unclosed quote",
  ],
  [
    /^Implicit map keys need/,
    "a key has no colon behind it",
    'Write "key: value", with a space behind the colon',
  ],
  [
    /^Nested mappings are not allowed/,
    "a second mapping or list starts in this line",
    "Put quotes round a text with a colon, or put the inner mapping on lines of its own",
  ],
  [
    / at node end$/,
    "something follows a value that has ended",
    "Look for a missing comma, colon or quote in this line",
  ],
  [
    /^Block collections are not allowed within flow/,
    "items between brackets are not separated by commas",
    "Put a comma between the items",
  ],
  [/^Missing ,/, "a comma is missing", "Put a comma between the items"],
  [/^Missing space after :/, "a space is missing behind a colon", "Write a space behind the colon"],
  [/^Unexpected ,/, "a comma stands where a value is expected", "Remove the comma"],
  [
    /^Unexpected \S+ token in YAML stream: (.*)$/,
    "$1 is not expected here",
    "Look for a bracket or a quote too many before this place",
  ],
  [
    /^Invalid escape sequence (.*)$/,
    "$1 is not an escape sequence",
    "Write two backslashes for one, or use single quotes",
  ],
  [
    /^Plain value cannot start with .*?(\S)$/,
    "a text without quotes cannot start with $1",
    "Put the text in quotes",
  ],
  [
    /at most 1024 chars/,
    "a key has more than 1024 characters",
    "Shorten the key, or look for an unclosed quote",
  ],
];

/** What a mistake is and what to do about it. */
export function wordSyntaxError({ message }: YamlMistake): YamlWording {
  for (const [pattern, problem, advice] of WORDINGS) {
    const match = pattern.exec(message);
    if (match === null) continue;
    const [, group = ""] = match;
    return {
      problem: problem.replace("$1", () => group),
      advice: advice.replace("$1", () => group),
    };
  }
  return {
    problem: message.replace(/\s+/g, " ").replace(/\.$/, ""),
    advice: "Check the indentation, quotes, brackets and colons of this line",
  };
}
