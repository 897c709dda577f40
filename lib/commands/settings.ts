/** What the flags of the command line come to. */
import type { Terminal } from "./terminal.ts";

export const EXIT = {
  done: 0,
  /** Finished, but a cell failed or a condition of --fail-on is true. */
  failed: 1,
  /** Bad usage, pipeline or input. */
  usage: 2,
  /** plan --detailed-exitcode: a cell is predicted to run out of memory. */
  predictedOom: 3,
  bug: 101,
  interrupted: 130,
  terminated: 143,
} as const;

export type Format = "table" | "markdown" | "json" | "jsonl" | "csv";
export const FORMATS: readonly Format[] = ["table", "markdown", "json", "jsonl", "csv"];

/** Flags that every command has. */
export interface CommonSettings {
  readonly terminal: Terminal;
  readonly verbose: boolean;
  readonly debug: boolean;
}

/** Flags of the commands that print data in a choice of formats. */
export interface OutputSettings extends CommonSettings {
  readonly format: Format;
  /** File to write to instead of stdout. */
  readonly output?: string;
}
