/** STW115 to STW119: a pipeline file that cannot be opened. STW60x: commands that read and write other files. */
import { message } from "../diagnostic.ts";
import { quote } from "../quote.ts";

/** The pipeline file is missing. */
export const pipelineMissing = message<{ path: string; suggestion?: string }>({
  code: "STW115",
  title: "The pipeline file does not exist",
  explanation:
    "Nothing is at the path that was given. A relative path starts at the folder in which the command was called, " +
    "not at the folder of another pipeline. When a file of nearly the same name lies beside it, the help names it.",
  message: ({ path }) => `There is no file ${quote(path, 200)}`,
  help: ({ suggestion }) =>
    suggestion === undefined
      ? "Check the path; it starts at the current folder"
      : `Did you mean ${quote(suggestion, 200)}?`,
});

/** The path names a folder. */
export const pipelineIsFolder = message<{ path: string }>({
  code: "STW116",
  title: "The path names a folder, not a pipeline file",
  explanation:
    "A pipeline is one file in YAML or JSON. The path that was given is a folder. Folders are arguments of report " +
    "alone, which reads the folder of a run.",
  message: ({ path }) => `The path ${quote(path, 200)} is a folder`,
  help: () => "Name the pipeline file inside it",
});

/** The operating system, or Deno, does not let the file be read. */
export const pipelineUnreadable = message<{ path: string; reason: string }>({
  code: "STW117",
  title: "The pipeline file cannot be read",
  explanation:
    "The file is there, and the operating system or Deno did not let it be read; the message has the reason. A plan " +
    "needs read permission for the pipeline file, for the model folder that it names, and for Stowage itself.",
  message: ({ path, reason }) => `Cannot read ${quote(path, 200)}: ${reason}`,
  help: () => "Check the permissions of the file, and --allow-read if Deno was given a list",
});

/** What a command made cannot be written. */
export const outputUnwritable = message<{ path: string; reason: string }>({
  code: "STW601",
  title: "An output file cannot be written",
  explanation:
    "The options --output and --out name files that a command writes instead of, or beside, what it prints. The file " +
    "could not be written; the message has the reason. Folders are not made: a folder that does not exist is most " +
    "often a misspelled path.",
  message: ({ path, reason }) => `Cannot write ${quote(path, 200)}: ${reason}`,
  help: () => "Check that the folder exists and may be written, and --allow-write of Deno",
});

/** Deno was not given a permission that the command needs. */
export const permissionMissing = message<{ reason: string }>({
  code: "STW602",
  title: "Deno lacks a permission",
  explanation:
    "Deno lets a program touch only what it was allowed to. check and plan need to read (--allow-read); a command that " +
    "runs something looks at the host, starts processes and writes folders, and needs all of it (-A).",
  message: ({ reason }) => `Deno does not permit what the command needs: ${reason}`,
  help: () => "Run it with all permissions: deno run -A",
});
