import type { Command } from "../commander.ts";
import { type Action, command, formatOption, given, output, outputOption } from "./words.ts";

/** Declares the command. */
export function declarePlan(program: Command, action: Action): void {
  command(program, "plan", {
    summary: "predict every cell; needs no GPU, no Python and no network",
    description:
      "Says for every cell of the grid whether it fits, what limits it and by how much, how long it loads and how " +
      "fast it runs, each with an interval that holds nine times in ten; and what would be launched.\n\n" +
      "The table is for people. --format json prints the whole plan: every term of the memory of every device. " +
      "A saved plan can be carried to another host and is run there exactly as it is.",
    examples: [
      ["stowage plan pipelines/bloom.yaml", "See what fits"],
      ["stowage plan a.yaml --out plan.json", "Save the plan, for stowage run plan.json"],
      [
        "stowage plan a.yaml --format csv --output plan.csv",
        "Get one line a cell, for a spreadsheet",
      ],
      ["stowage plan a.yaml --stack 2022-07", "Predict what older libraries would do"],
      [
        "stowage plan a.yaml -q --detailed-exitcode",
        "Ask in a script: exit code 3 when a cell does not fit",
      ],
    ],
  })
    .argument("<file>", "pipeline (YAML or JSON)")
    .option("--out <file>", "save the plan, for run to execute exactly")
    .option("--stack <name>", 'plan for this stack; "detected" takes the versions of --python')
    .option("--python <path>", "interpreter that run will use")
    .option("--calibration <file>", "speed constants that calibrate has written")
    .option("--detailed-exitcode", "exit 3 when a cell is predicted to run out of memory")
    .addOption(outputOption())
    .addOption(formatOption())
    .action(action(async (common, [file = ""], flags) => {
      const { planCommand } = await import("../plan.ts");
      const { out, stack, python, calibration, detailedExitcode = false } = flags;
      return planCommand({
        ...common,
        ...output(flags),
        ...given({ out, stack, python, calibration }),
        file,
        detailedExitcode,
      });
    }));
}
