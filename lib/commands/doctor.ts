/** `doctor`: what is there on this host and what is missing. */
import { escapeUnsafe } from "../diagnostics/quote.ts";
import { renderJson } from "../report/render.ts";
import { cacheDirectory } from "../run/cache.ts";
import { type DoctorFinding, examineHost } from "../run/doctor.ts";
import { WORKERS_DIRECTORY } from "../workers/directory.ts";
import { type CommonSettings, EXIT } from "./settings.ts";

/** Flags of `doctor`. */
export interface DoctorSettings extends CommonSettings {
  readonly json: boolean;
  readonly python?: string;
}

/** @returns 0, or 1 when something is missing without which a run cannot start. */
export async function doctorCommand(settings: DoctorSettings): Promise<number> {
  const findings = await examineHost({
    cacheDirectory: cacheDirectory((name) => Deno.env.get(name)),
    workersDirectory: WORKERS_DIRECTORY,
    ...(settings.python === undefined ? {} : { python: settings.python }),
  });
  settings.terminal.write(settings.json ? renderJson(findings) : renderFindings(findings));
  return findings.some(({ status }) => status === "missing") ? EXIT.failed : EXIT.done;
}

/** One line a finding, and the next step below what is not well. */
export function renderFindings(findings: readonly DoctorFinding[]): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  return findings.map(({ name, status, detail, next }) => {
    const line = `${status.padEnd(7)}  ${name.padEnd(width)}  ${escapeUnsafe(detail)}`;
    return next === undefined
      ? line
      : `${line}\n${" ".repeat(11 + width)}next: ${escapeUnsafe(next)}`;
  }).join("\n");
}
