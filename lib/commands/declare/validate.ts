import { type Command, Option } from "../commander.ts";
import {
  type Action,
  command,
  formatOption,
  given,
  output,
  outputOption,
  variadic,
} from "./words.ts";

/** Declares the command. */
export function declareValidate(program: Command, action: Action): void {
  command(program, "validate", {
    summary: "compare predictions with what was measured",
    description:
      "Reads measured cells, predicts the same cells anew, and prints the error of every quantity, how often 90 % " +
      "intervals hold, and how often an out-of-memory was foreseen. Measurements are the folders of runs, files of " +
      "JSON lines, and pipelines of which figures were published.",
    examples: [
      [
        "stowage validate runs/2026-07-20T09-30-00-tiny",
        "See how right the predictions of a run were",
      ],
      ["stowage validate pipelines/bloom.yaml", "Compare with the published tables"],
      [
        "stowage validate fixtures/measurements/*.jsonl --format markdown --output accuracy.md",
        "Write a page from files of measurements",
      ],
    ],
  })
    .argument("<measured...>", "run folders, results.json, .jsonl files, or pipelines")
    .addOption(
      new Option("--fail-on <condition>", "exit 1 when a verdict was wrong and not called tight")
        .choices(["mismatch"]),
    )
    .option("--calibration <file>", "speed constants that calibrate has written")
    .addOption(outputOption())
    .addOption(formatOption())
    .action(action(async (common, [paths], flags) => {
      const { validateCommand } = await import("../validate.ts");
      return validateCommand({
        ...common,
        ...output(flags),
        ...given({ calibration: flags.calibration }),
        paths: variadic(paths),
        failOnMismatch: flags.failOn === "mismatch",
      });
    }));
}
