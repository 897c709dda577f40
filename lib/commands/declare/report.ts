import type { Command } from "commander";
import { type Action, command, formatOption, output, outputOption } from "./words.ts";

/** Declares the command. */
export function declareReport(program: Command, action: Action): void {
  command(program, "report", {
    summary: "print the tables of a run again",
    description:
      "Reads the results that a run has written and prints them: ms per token, seconds from start to ready, and " +
      "memory, measured beside predicted.",
    examples: [
      ["stowage report runs/tiny-1", "See the tables"],
      ["stowage report runs/tiny-1 --format markdown", "Put them into a page or an issue"],
      ["stowage report runs/tiny-1 --format csv --output tiny.csv", "Open them in a spreadsheet"],
    ],
  })
    .argument("<run>", "folder of a run")
    .addOption(outputOption())
    .addOption(formatOption())
    .action(action(async (common, [folder = ""], flags) => {
      const { reportCommand } = await import("../report.ts");
      return reportCommand({ ...common, ...output(flags), folder });
    }));
}
