/** `calibrate --device`: measures this host's GPUs, and keeps the constants for the plans that follow. */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { calibrationOfReport, deviceReportSchema } from "../accuracy/device_report.ts";
import { reasonOf } from "../catalog/json_file.ts";
import { deviceFacts, findDevice, findDeviceByProductName } from "../catalog/devices.ts";
import type { Device } from "../catalog/types.ts";
import { type Diagnostic, DiagnosticError } from "../diagnostics/diagnostic.ts";
import { calibrationFailed, noGpuToCalibrate, unknownGpu } from "../diagnostics/messages/report.ts";
import { outputUnwritable } from "../diagnostics/messages/input.ts";
import { formatNumber } from "../report/bytes.ts";
import { renderJson } from "../report/render.ts";
import { findInterpreter, runPython } from "../run/environment/interpreter.ts";
import { examine, type Gpu, isKind } from "../run/host.ts";
import { WORKERS_DIRECTORY } from "../workers/directory.ts";
import { planContext } from "./make_plan.ts";
import { writeFile } from "./output.ts";
import { calibrationFolder, calibrationPath } from "./own_calibration.ts";
import { type CommonSettings, EXIT } from "./settings.ts";

/** Flags of `calibrate --device`. */
export interface CalibrateDeviceSettings extends CommonSettings {
  /** Interpreter that has the stack. */
  readonly python?: string;
  /** File for the constants, instead of the one that plans look for. */
  readonly output?: string;
}

/**
 * @returns 0
 * @throws DiagnosticError without a GPU that the catalog knows, or where the measurement failed.
 */
export async function calibrateDeviceCommand(settings: CalibrateDeviceSettings): Promise<number> {
  const { terminal } = settings;
  const { gpus } = await examine();
  const device = deviceOf(gpus);
  const path = settings.output ?? ownPath(device);
  const python = settings.python ?? await foundPython();
  terminal.talk(`Measuring ${gpus.length}x ${device.kind}; this takes a minute or two`);
  const report = await measure(python);
  const date = new Date().toISOString().slice(0, 10);
  const context = planContext(".", { findLargestBatch: false });
  const file = calibrationOfReport(report, device, date, context);
  for (const [name, fact] of Object.entries(file.constants)) {
    terminal.talk(`  ${name}: ${formatNumber(fact?.value ?? 0)}`);
  }
  if (report.collective !== undefined && "error" in report.collective) {
    terminal.talk(`  links between the GPUs: not measured, ${String(report.collective["error"])}`);
  }
  makeFolder(path);
  writeFile(path, renderJson({ ...file, measured: report }), { terminal });
  terminal.talk(
    settings.output === undefined
      ? `Plans for ${device.kind} on this host use it from now on`
      : "Plan with it: stowage plan FILE --calibration, and its path",
  );
  return EXIT.done;
}

/** The catalog's device that the GPUs are; the first one stands for all. */
function deviceOf(gpus: readonly Gpu[]): Device {
  const [gpu] = gpus;
  if (gpu === undefined) throw new DiagnosticError([noGpuToCalibrate({})]);
  const kind = deviceFacts().find((fact) => fact.type === "gpu" && isKind(gpu, fact.kind))?.kind;
  const device = findDeviceByProductName(gpu.name) ?? (kind ? findDevice(kind) : undefined);
  if (device === undefined) throw new DiagnosticError([unknownGpu({ name: gpu.name })]);
  return device;
}

function ownPath({ kind }: Device): string {
  const folder = calibrationFolder((name) => Deno.env.get(name));
  const path = folder === undefined ? undefined : calibrationPath(folder, kind);
  if (path !== undefined) return path;
  const reason = "there is no home folder to keep it in; name one with --output";
  throw new DiagnosticError([outputUnwritable({ path: `${kind}.json`, reason })]);
}

async function foundPython(): Promise<string> {
  const { value, diagnostics } = await findInterpreter();
  if (value === undefined) throw new DiagnosticError(diagnostics as [Diagnostic]);
  return value.path;
}

async function measure(python: string) {
  const script = join(WORKERS_DIRECTORY, "_calibrate");
  const { value, diagnostics } = await runPython(python, [script, "--folder", "."]);
  if (value === undefined) {
    const reason = diagnostics[0]?.message ?? "it ended with an error";
    throw new DiagnosticError([calibrationFailed({ python, reason })]);
  }
  const parsed = deviceReportSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const reason = `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not a report"}`;
  throw new DiagnosticError([calibrationFailed({ python, reason })]);
}

function makeFolder(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    throw new DiagnosticError([outputUnwritable({ path, reason: reasonOf(error) })]);
  }
}
