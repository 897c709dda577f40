/** `calibrate RUN|FILE...`: fits the speed constants of one kind of device, and writes them as a new file. */
import { calibrate } from "../accuracy/calibrate.ts";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { nothingNamed, nothingToCalibrate } from "../diagnostics/messages/report.ts";
import { formatNumber, plural } from "../report/bytes.ts";
import { renderJson } from "../report/render.ts";
import { planContext } from "./make_plan.ts";
import { readMeasured } from "./measured_input.ts";
import { putOut } from "./output.ts";
import { type CommonSettings, EXIT } from "./settings.ts";

/** Arguments of `calibrate`. */
export interface CalibrateSettings extends CommonSettings {
  readonly paths: readonly string[];
  /** File for the constants; stdout without it. */
  readonly output?: string;
}

/**
 * @returns 0
 * @throws DiagnosticError when a path holds no measurements, or none with times.
 */
export function calibrateCommand(settings: CalibrateSettings): number {
  if (settings.paths.length === 0) throw new DiagnosticError([nothingNamed({})]);
  const { sets, problems } = readMeasured(settings.paths);
  const kind = sets.map(({ pipeline }) => pipeline.hardware.devices?.kind)
    .find((each) => each !== undefined);
  const context = planContext(".", { findLargestBatch: false });
  const found = kind === undefined ? undefined : calibrate(kind, sets, context);
  if (kind === undefined || found === undefined) {
    throw new DiagnosticError([nothingToCalibrate({ path: settings.paths[0] ?? "" })]);
  }
  const { terminal } = settings;
  for (const problem of [...problems, ...found.problems]) terminal.talk(`not used: ${problem}`);
  terminal.talk(`${kind}: fitted to ${plural(found.cells, "cell")}`);
  for (const { name, before, after } of found.changes) {
    terminal.talk(`  ${name}: ${formatNumber(before)} -> ${formatNumber(after)}`);
  }
  putOut(renderJson(found.file), { ...settings, format: "json" });
  return EXIT.done;
}
