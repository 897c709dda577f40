/**
 * Which calibration a command plans with: the file of `--calibration`, else the one that `calibrate --device` has kept
 * for the kind of device on this host, else what ships.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { CalibrationFile } from "../catalog/speed_calibration.ts";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { badCalibration } from "../diagnostics/messages/report.ts";
import { quote } from "../diagnostics/quote.ts";
import { readCalibration } from "./calibration_file.ts";
import { environment, type Terminal } from "./terminal.ts";

/** Finds the calibration of a kind of device. */
export type CalibrationLookup = (kind: string) => CalibrationFile | undefined;

/**
 * `calibration` in STOWAGE_CONFIG_DIR, or in `stowage` in XDG_CONFIG_HOME, or in `.config/stowage` in the home folder.
 *
 * @returns Undefined where the environment names none of them.
 */
export function calibrationFolder(env: (name: string) => string | undefined): string | undefined {
  const own = env("STOWAGE_CONFIG_DIR");
  if (own) return resolve(own, "calibration");
  const shared = env("XDG_CONFIG_HOME");
  if (shared?.startsWith("/")) return join(shared, "stowage", "calibration");
  const home = env("HOME");
  return home ? resolve(home, ".config", "stowage", "calibration") : undefined;
}

/** The file of a kind in a folder; undefined for a kind that is no plain name, as one spelled out in a pipeline may be. */
export function calibrationPath(folder: string, kind: string): string | undefined {
  return /^[A-Za-z0-9][\w.-]*$/.test(kind) ? join(folder, `${kind.toLowerCase()}.json`) : undefined;
}

/**
 * The lookup of a command.
 *
 * @param path What `--calibration` named.
 * @throws DiagnosticError (STW617), on looking up, where a file is no calibration or one of another kind.
 */
export function calibrationLookup(
  path: string | undefined,
  terminal: Pick<Terminal, "talk">,
): CalibrationLookup {
  if (path !== undefined) {
    const file = readCalibration(path);
    return (kind) => {
      if (file.kind === kind) return file;
      const reason = `it is of ${quote(file.kind, 100)}, the devices are ${quote(kind, 100)}`;
      throw new DiagnosticError([badCalibration({ path, reason })]);
    };
  }
  const folder = calibrationFolder(environment);
  return (kind) => {
    const own = folder === undefined ? undefined : calibrationPath(folder, kind);
    if (own === undefined || !isThere(own)) return undefined;
    const file = readCalibration(own);
    terminal.talk(`Speed constants of this host: ${quote(own, 200)}`);
    return file.kind === kind ? file : undefined;
  };
}

function isThere(path: string): boolean {
  try {
    return existsSync(path);
  } catch {
    return false; // a folder that Deno may not read is none
  }
}
