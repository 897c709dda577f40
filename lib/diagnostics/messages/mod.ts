/**
 * The catalogue, one file an area. A new file of messages is one more line here; a test finds files that are
 * missing from this list.
 */
export * as bug from "./bug.ts";
export * as catalog from "./catalog.ts";
export * as environment from "./environment.ts";
export * as input from "./input.ts";
export * as languageFile from "./language_file.ts";
export * as languageMeaning from "./language_meaning.ts";
export * as languageValue from "./language_value.ts";
export * as plan from "./plan.ts";
export * as report from "./report.ts";
export * as run from "./run.ts";
export * as script from "./script.ts";
export * as shards from "./shards.ts";
