import type { Command } from "../commander.ts";
import { type Action, command, formatOption, oneOf, output, outputOption } from "./words.ts";

const LISTED = ["models", "hardware", "stacks", "runs"] as const;

/** Declares the command. */
export function declareLs(program: Command, action: Action): void {
  command(program, "ls", {
    summary: "list what the catalog knows, or the runs of a folder",
    description:
      "Lists the models, the nodes and devices, or the sets of library versions that a pipeline can name. " +
      "--format json adds the source of every number. Or lists the runs of a folder, the newest first, with how far they " +
      "came.",
    examples: [
      ["stowage ls models", "See the models with their sizes"],
      ["stowage ls hardware", "See nodes, and GPUs with the bytes that PyTorch can use"],
      ["stowage ls runs", "See which runs are finished, and which can go on"],
      ["stowage ls stacks", "See library versions, and which of them can be run"],
    ],
  })
    .argument("<what>", LISTED.join(", "), oneOf(LISTED))
    .option("--out-dir <dir>", "folder of run folders", "runs")
    .addOption(outputOption())
    .addOption(formatOption())
    .action(action(async (common, [what], flags) => {
      const { listCommand } = await import("../list.ts");
      const outDir = flags.outDir ?? "runs";
      const listed = what as typeof LISTED[number];
      return listCommand({ ...common, ...output(flags), outDir, what: listed });
    }));
}
