import type { Command } from "../commander.ts";
import { type Action, command, given, outputOption, variadic } from "./words.ts";

/** Declares the command. */
export function declareCalibrate(program: Command, action: Action): void {
  command(program, "calibrate", {
    summary: "measure this host's GPUs, or fit speed constants to measured cells",
    description:
      "With --device it measures the GPUs of this host, in two minutes at most: rates of memory, matrix products and " +
      "links, the cost of a kernel and of a step, imports. The constants are kept in ~/.config/stowage/calibration (or " +
      "in STOWAGE_CONFIG_DIR), one file for each kind of device, and every plan for that kind on this host uses them.\n\n" +
      "With measurements it reads cells, as validate does, fits the constants of the speed model for the kind of " +
      "device that they ran on, and prints a calibration file that records where each constant came from. Memory has no constants to fit.\n\n" +
      "plan, run and validate take either file with --calibration.",
    examples: [
      ["stowage calibrate --device --python python3", "Measure this host's GPUs"],
      [
        "stowage calibrate runs/2026-07-20T09-30-00-tiny --output mine.json",
        "Fit this host's constants",
      ],
      ["stowage plan a.yaml --calibration mine.json", "Plan with them"],
    ],
  })
    .argument("[measured...]", "run folders, results.json, .jsonl files, or pipelines")
    .option("--device", "measure the GPUs of this host")
    .option("--python <path>", "interpreter that has torch and transformers, for --device")
    .addOption(outputOption())
    .action(action(async (common, [paths], { output, device, python }) => {
      if (device) {
        const { calibrateDeviceCommand } = await import("../calibrate_device.ts");
        return await calibrateDeviceCommand({ ...common, ...given({ output, python }) });
      }
      const { calibrateCommand } = await import("../calibrate.ts");
      return calibrateCommand({ ...common, ...given({ output }), paths: variadic(paths) });
    }));
}
