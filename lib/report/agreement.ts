/** Whether predictions and measurements, and the strategies among themselves, say the same. */
import { predictsOom } from "../plan/selection.ts";
import { plural } from "./bytes.ts";
import type { ReportedCell } from "./results_shape.ts";

/** Whether a cell ran out of memory, of the device or of the host. */
export function measuredOom({ status }: ReportedCell): boolean {
  return status === "oom" || status === "host-oom";
}

/** How out-of-memory predictions and measurements compare, over the cells that ran to an end. */
export interface OomAgreement {
  readonly compared: number;
  readonly predicted: number;
  readonly measured: number;
  readonly disagreeing: readonly ReportedCell[];
  /** Cells that were predicted to run out of memory and not tried. */
  readonly untried: number;
}

/** Compares the cells that ended with `ok`, `oom` or `host-oom`. */
export function oomAgreement(cells: readonly ReportedCell[]): OomAgreement {
  const compared = cells.filter((cell) =>
    cell.prediction.verdict !== "unknown" && (cell.status === "ok" || measuredOom(cell))
  );
  return {
    compared: compared.length,
    predicted: compared.filter(predictsOom).length,
    measured: compared.filter(measuredOom).length,
    disagreeing: compared.filter((cell) => predictsOom(cell) !== measuredOom(cell)),
    untried: cells.filter((cell) => cell.status === "skipped" && predictsOom(cell)).length,
  };
}

/** `oom: 1 predicted, 1 measured, all 16 cells agree`. */
export function oomAgreementText(agreement: OomAgreement): string {
  const { compared, predicted, measured, disagreeing, untried } = agreement;
  const untriedText = untried === 0 ? "" : `; ${untried} more predicted and not tried`;
  if (compared === 0) return `oom: no cell ran to an end${untriedText}`;
  const agreeing = compared - disagreeing.length;
  const verdict = disagreeing.length > 0
    ? `${agreeing} of ${plural(compared, "cell")} agree`
    : compared === 1
    ? "the one cell agrees"
    : `all ${compared} cells agree`;
  return `oom: ${predicted} predicted, ${measured} measured, ${verdict}${untriedText}`;
}

/** Cells with the same inputs, of which at least two strategies produced tokens. */
export interface TokenGroup {
  readonly cells: readonly ReportedCell[];
  /** Cells whose tokens differ from those of the first cell. */
  readonly differing: readonly ReportedCell[];
}

/** Groups cells that got the same inputs; the tokens of all strategies are compared with those of the first. */
function tokenGroups(cells: readonly ReportedCell[]): TokenGroup[] {
  const groups = Map.groupBy(
    cells.filter((cell) => (cell.measurement?.tokensSha256 ?? null) !== null),
    (cell) => `${cell.batchSize}/${cell.promptTokens}/${cell.newTokens}`,
  );
  return [...groups.values()].filter((group) => strategiesOf(group).length > 1).map((group) => ({
    cells: group,
    differing: group.filter((cell) =>
      cell.measurement?.tokensSha256 !== group[0]?.measurement?.tokensSha256
    ),
  }));
}

/** In words whether the strategies agree on the tokens; undefined where there is nothing to compare. */
export function tokenAgreementText(cells: readonly ReportedCell[]): string | undefined {
  const groups = tokenGroups(cells);
  if (groups.length === 0) return undefined;
  const names = joinWords(strategiesOf(groups.flatMap((group) => group.cells)));
  const differing = groups.filter((group) => group.differing.length > 0).length;
  if (differing > 0) {
    return `tokens: ${names} produced different tokens in ${differing} of ${
      plural(groups.length, "batch", "batches")
    }`;
  }
  const batches = groups.length === 1 ? "the one batch" : `all ${groups.length} batches`;
  return `tokens: ${names} produced the same tokens in ${batches}`;
}

/** One line for each cell whose tokens differ, with the place where the first sequence does. */
export function tokenMismatches(cells: readonly ReportedCell[]): string[] {
  return tokenGroups(cells).flatMap(({ cells: [reference], differing }) =>
    reference === undefined ? [] : differing.map((cell) => {
      const first = reference.measurement?.tokenIds ?? [];
      const other = cell.measurement?.tokenIds ?? [];
      const index = first.findIndex((token, place) => token !== other[place]);
      const where = index === -1
        ? "in a later sequence of the batch"
        : `from new token ${index + 1} on (${first[index]} and ${other[index] ?? "none"})`;
      return `${reference.id} and ${cell.id} differ ${where}`;
    })
  );
}

function strategiesOf(cells: readonly ReportedCell[]): string[] {
  return [...new Set(cells.map((cell) => cell.strategy.name))];
}

function joinWords(words: readonly string[]): string {
  return words.length < 2
    ? words.join("")
    : `${words.slice(0, -1).join(", ")} and ${words.at(-1) ?? ""}`;
}
