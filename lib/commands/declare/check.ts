import type { Command } from "../commander.ts";
import { type Action, command, plainFormatOption } from "./words.ts";

/** Declares the command. */
export function declareCheck(program: Command, action: Action): void {
  command(program, "check", {
    summary: "check a pipeline file for mistakes",
    description:
      "Reads a pipeline and reports every mistake that the file and the catalog show, in the order of the file: each " +
      "with its place, the reason, the next step and a code for explain. Names of models, hardware and versions are " +
      "looked up here too; files that the pipeline names are not: plan reads them.",
    examples: [
      ["stowage check a.yaml", "See all mistakes; exit code 0 for a clean file, else 2"],
      ["stowage check a.yaml --format json", "Give an editor places as lines, columns and offsets"],
      ["stowage explain STW126", "Learn what a code means"],
    ],
  })
    .argument("<file>", "pipeline (YAML or JSON)")
    .addOption(plainFormatOption())
    .action(action(async (common, [file = ""], flags) => {
      const { checkCommand } = await import("../check.ts");
      return checkCommand({ ...common, file, json: flags.format === "json" });
    }));
}
