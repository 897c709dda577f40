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
  try {
    return { value: new TextDecoder("utf-8", { fatal: true }).decode(bytes), diagnostics: [] };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { diagnostics: [notText({ reason: "it has bytes that are not UTF-8" }, { file })] };
  }
}
