import { type Command, Option } from "../commander.ts";
import { type Action, command, given, outputOption } from "./words.ts";

/** Declares the command. */
export function declareSuggest(program: Command, action: Action): void {
  command(program, "suggest", {
    summary: "say what would make cells fit",
    description:
      "Prints the largest batch of each strategy, the single changes that would make a cell fit that does not (an " +
      "option, more devices, another strategy, less work), and the smallest hardware of the catalog that holds every " +
      "cell. Each suggestion is predicted, not extrapolated.",
    examples: [
      ["stowage suggest pipelines/bloom.yaml", "See what each strategy lacks"],
      ["stowage suggest pipelines/bloom.yaml ds-zero/batchSize=64", "Make one cell fit"],
    ],
  })
    .argument("<file>", "pipeline (YAML or JSON)")
    .argument("[cell]", "cell id, as plan prints it; otherwise the smallest that do not fit")
    .addOption(outputOption())
    .addOption(
      new Option("--format <format>", "how to print").choices(["table", "markdown", "json"])
        .default("table"),
    )
    .action(action(async (common, [file = "", cell], flags) => {
      const { suggestCommand } = await import("../suggest.ts");
      const { format = "table", output } = flags;
      return suggestCommand({
        ...common,
        ...given({ cell, output }),
        format: format as "table",
        file,
      });
    }));
}
