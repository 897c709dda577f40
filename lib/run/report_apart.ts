/**
 * The report of a large run, made by a process of its own: laying out the tables of ten thousand cells takes a gigabyte of small
 * objects one after the other, for which an engine's heap would grow just before its end.
 */
import type { OutputFormat } from "../report/render.ts";

/** Runs of more cells than this are reported apart. */
export const MANY_RESULTS = 2000;

/** Writes the tables of a run's folder. @returns Whether that was possible. */
export function writeTablesApart(folder: string): boolean {
  return reporter([folder], "null") !== null;
}

/** What the results of a run's folder look like; null where that was not possible. */
export function renderApart(folder: string, format: OutputFormat): string | null {
  return reporter([folder, format], "piped");
}

function reporter(args: readonly string[], stdout: "null" | "piped"): string | null {
  const script = new URL("./reporter.ts", import.meta.url).href;
  try {
    const output = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--quiet", script, ...args],
      stdin: "null",
      stdout,
      stderr: "null",
    }).outputSync();
    if (!output.success) return null;
    return stdout === "null" ? "" : new TextDecoder().decode(output.stdout);
  } catch {
    return null; // it is made here then
  }
}
