/** Bytes of a pipeline file to text. */
import type { Outcome } from "../diagnostics/diagnostic.ts";
import { fileTooLarge, notText } from "../diagnostics/messages/language_file.ts";

/** Far beyond any pipeline, and small enough to read in an instant. */
export const MAX_SOURCE_BYTES = 256 * 1024;

/**
 * Decodes UTF-8, with or without a byte order mark.
 *
 * @param file The file as the user named it.
 */
export function decodeSource(bytes: Uint8Array, file: string): Outcome<string> {
  if (bytes.length > MAX_SOURCE_BYTES) {
    const parameters = { bytes: bytes.length, limitBytes: MAX_SOURCE_BYTES };
    return { diagnostics: [fileTooLarge(parameters, { file })] };
  }
  const encoding = otherEncoding(bytes);
  if (encoding !== undefined) {
    return { diagnostics: [notText({ reason: `it is in ${encoding}` }, { file })] };
  }
  try {
    return { value: new TextDecoder("utf-8", { fatal: true }).decode(bytes), diagnostics: [] };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { diagnostics: [notText({ reason: "it has bytes that are not UTF-8" }, { file })] };
  }
}

/** The encoding that a byte order mark names, or that the zero bytes of plain letters give away. */
function otherEncoding([a, b, c, d]: Uint8Array): string | undefined {
  const utf16 = a === 0xff && b === 0xfe || a === 0xfe && b === 0xff;
  if (utf16 && c === 0 && d === 0 || a === 0 && b === 0 && c === 0xfe && d === 0xff) {
    return "UTF-32";
  }
  const letters = a === 0 && b !== 0 && c === 0 && d !== 0 ||
    b === 0 && a !== 0 && d === 0 && c !== 0;
  return utf16 || letters ? "UTF-16" : undefined;
}
