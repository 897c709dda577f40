import type { Command } from "../commander.ts";
import { type Action, command, given, outputOption, variadic } from "./words.ts";

/** Declares the command. */
export function declareCalibrate(program: Command, action: Action): void {
  command(program, "calibrate", {
    summary: "fit the speed constants of a kind of device to measurements",
    description:
      "Reads measured cells, as validate does, fits the constants of the speed model for the kind of device that they " +
      "ran on, and prints a calibration file that records where each constant came from. validate and plan take it " +
      "with --calibration. Memory has no constants to fit.",
    examples: [
      ["stowage calibrate runs/tiny-1 --output mine.json", "Fit this host's constants"],
      ["stowage plan a.yaml --calibration mine.json", "Plan with them"],
    ],
  })
    .argument("<measured...>", "run folders, results.json, .jsonl files, or pipelines")
    .addOption(outputOption())
    .action(action(async (common, [paths], { output }) => {
      const { calibrateCommand } = await import("../calibrate.ts");
      return calibrateCommand({ ...common, ...given({ output }), paths: variadic(paths) });
    }));
}
