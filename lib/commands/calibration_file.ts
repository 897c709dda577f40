/** Reads a calibration that `calibrate` has written. */
import * as z from "zod";
import { diskReader } from "../catalog/files.ts";
import { readJsonObject } from "../catalog/json_file.ts";
import type { CalibrationFile } from "../catalog/speed_calibration.ts";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { badCalibration } from "../diagnostics/messages/report.ts";

const MAX_BYTES = 4 * 2 ** 20;

const fact = z.looseObject({ value: z.number().min(0), source: z.string() });
const values = z.record(z.enum(["accelerate", "ds-inference", "ds-zero"]), z.number().min(0));
const part = {
  constants: z.record(z.string(), fact),
  byStrategy: z.record(z.string(), z.looseObject({ values, source: z.string() })),
  spread: z.record(z.string(), fact),
};
const schema = z.looseObject({
  formatVersion: z.string().regex(/^1\./),
  kind: z.string().min(1),
  basedOn: z.string().optional(),
  ...part,
  eras: z.array(z.looseObject({ torch: z.string().regex(/^<\d+$/), ...part })).optional(),
});

/**
 * Reads the file.
 *
 * @throws DiagnosticError where it is no calibration.
 */
export function readCalibration(path: string): CalibrationFile {
  const read = readJsonObject(path, diskReader, MAX_BYTES);
  if ("problem" in read) {
    throw new DiagnosticError([badCalibration({ path, reason: read.problem })]);
  }
  const parsed = schema.safeParse(read.object);
  if (parsed.success) return parsed.data as unknown as CalibrationFile;
  const [issue] = parsed.error.issues;
  const reason = `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not a calibration"}`;
  throw new DiagnosticError([badCalibration({ path, reason })]);
}
