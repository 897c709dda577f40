import type { Command } from "../commander.ts";
import { type Action, command, formatOption, output, outputOption } from "./words.ts";

/** Declares the command. */
export function declareReport(program: Command, action: Action): void {
  command(program, "report", {
    summary: "print the tables of a run again",
    description:
      "Reads the results that a run has written and prints them: ms per token, seconds from start to ready, and " +
      "memory, measured beside predicted.\n\n" +
      "Given the log of a BLOOM inference script of 2022, or of any command that prints its stats block, it reads that: " +
      "milliseconds per token, load and pass seconds, and how many passes and ranks the tokens count.",
    examples: [
      ["stowage report runs/2026-07-20T09-30-00-tiny", "See the tables"],
      [
        "stowage report runs/2026-07-20T09-30-00-tiny --format markdown",
        "Put them into a page or an issue",
      ],
      ["stowage report bloom-ds-inference_bs=8.txt", "Read the log of another script"],
      [
        "stowage report runs/2026-07-20T09-30-00-tiny --format csv --output tiny.csv",
        "Open them in a spreadsheet",
      ],
    ],
  })
    .argument("<run>", "folder of a run, or a log")
    .addOption(outputOption())
    .addOption(formatOption())
    .action(action(async (common, [folder = ""], flags) => {
      const { reportCommand } = await import("../report.ts");
      return reportCommand({ ...common, ...output(flags), folder });
    }));
}
