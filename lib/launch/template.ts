/**
 * The only module that knows nunjucks. Templates are files of this project; text of a pipeline, a model folder or a log
 * comes in as values only, and each value passes a filter that quotes it for its place.
 */
// @ts-types="@types/nunjucks"
import nunjucks from "nunjucks";
import { escapeMarkdown } from "../report/table.ts";

const environment = new nunjucks.Environment(null, {
  autoescape: false, // shell and JSON files: HTML escapes would corrupt them; the filters below quote instead
  throwOnUndefined: true,
  trimBlocks: true,
  lstripBlocks: true,
});
environment.addFilter("shq", shellQuote);
environment.addFilter("json", (value: unknown) => JSON.stringify(value, null, 2));
environment.addFilter("comment", oneLine);
environment.addFilter("md", (value: unknown) => escapeMarkdown(oneLine(value)));

/** Fills a template. Throws when a value that it names is missing. */
export function renderTemplate(
  template: string,
  values: Readonly<Record<string, unknown>>,
): string {
  return environment.renderString(template, values);
}

/** Quotes a value as one word of a POSIX shell. */
export function shellQuote(value: unknown): string {
  const text = String(value);
  if (text.includes("\0")) {
    throw new TypeError("Cannot quote a shell word: it holds a NUL character");
  }
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Makes a value safe within a one-line comment: no line ends, no controls, nothing that reorders the line. */
export function oneLine(value: unknown): string {
  return String(value).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
}
