import type { Command } from "commander";
import { type Action, command, formatOption, oneOf, output, outputOption } from "./words.ts";

const LISTED = ["models", "hardware", "stacks"] as const;

/** Declares the command. */
export function declareLs(program: Command, action: Action): void {
  command(program, "ls", {
    summary: "list what the catalog knows",
    description:
      "Lists the models, the nodes and devices, or the sets of library versions that a pipeline can name. " +
      "--format json adds the source of every number.",
    examples: [
      ["stowage ls models", "See the models with their sizes"],
      ["stowage ls hardware", "See nodes, and GPUs with the bytes that PyTorch can use"],
      ["stowage ls stacks", "See library versions, and which of them can be run"],
    ],
  })
    .argument("<what>", LISTED.join(", "), oneOf(LISTED))
    .addOption(outputOption())
    .addOption(formatOption())
    .action(action(async (common, [what], flags) => {
      const { listCommand } = await import("../list.ts");
      return listCommand({ ...common, ...output(flags), what: what as typeof LISTED[number] });
    }));
}
