import type { Command } from "../commander.ts";
import { execution, executionOptions } from "./execution.ts";
import { type Action, command, formatOption, output, outputOption } from "./words.ts";

/** Declares the command. */
export function declareResume(program: Command, action: Action): void {
  const resume = command(program, "resume", {
    summary: "go on with a run that was ended, with what is missing",
    description:
      "Goes on in the folder of a run that was interrupted, killed, or ended by a full disk or its time limit. Cells with " +
      "a result are kept, the cell that was in flight runs again. The plan is the one that the run was started with; " +
      "after a change of the pipeline, run it again instead: it takes over every result that is still valid.",
    examples: [
      ["stowage resume runs/2026-07-20T09-30-00-tiny", "Run what is missing"],
      [
        "stowage resume runs/2026-07-20T09-30-00-tiny --rerun failed",
        "Try again what crashed or timed out, too",
      ],
      ["stowage ls runs", "See which runs were interrupted"],
    ],
  }).argument("<run>", "folder of a run");
  executionOptions(resume)
    .addOption(outputOption())
    .addOption(formatOption())
    .action(action(async (common, [folder = ""], flags) => {
      const { resumeCommand } = await import("../resume.ts");
      return resumeCommand({ ...common, ...output(flags), ...execution(flags), folder });
    }));
}
