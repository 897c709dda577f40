/** `ls WHAT`: the catalog, or the runs of a folder, as a table. */
import { listHardware, listModels, listStacks } from "../catalog/list.ts";
import { renderHardware, renderModels, renderStacks } from "../report/catalog_view.ts";
import { renderRuns } from "../report/runs_view.ts";
import { findRuns, runStatus } from "../run/find_runs.ts";
import { putOut } from "./output.ts";
import { EXIT, type OutputSettings } from "./settings.ts";

/** What `ls` can list. */
export type Listed = "models" | "hardware" | "stacks" | "runs";

/** Flags of `ls`. */
export interface ListSettings extends OutputSettings {
  readonly what: Listed;
  /** Folder of the run folders. */
  readonly outDir: string;
}

/** @returns 0 */
export function listCommand(settings: ListSettings): number {
  putOut(listing(settings), settings);
  return EXIT.done;
}

function listing({ what, format, outDir }: ListSettings): string {
  switch (what) {
    case "models":
      return renderModels(listModels(), format);
    case "hardware":
      return renderHardware(listHardware(), format);
    case "stacks":
      return renderStacks(listStacks(), format);
    case "runs":
      return renderRuns(findRuns(outDir).map(runStatus), format);
  }
}
