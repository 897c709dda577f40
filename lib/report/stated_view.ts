/** What is worth knowing of figures that a command of the user's own has printed. */
import { plural } from "./bytes.ts";
import type { ListItem } from "./document.ts";
import type { ReportedCell } from "./results_shape.ts";

/** One line for each rule under which such figures stand; none where every figure is measured here. */
export function statedItems(cells: readonly ReportedCell[]): ListItem[] {
  const rules = Map.groupBy(
    cells.filter(({ measurement }) => measurement?.stated !== undefined),
    ({ measurement }) => measurement?.stated?.countsPrompt ?? null,
  );
  return [...rules].map(([countsPrompt, { length }]) => ({
    text: `scripts: ${plural(length, "figure")} printed by the command itself, ${
      RULES.get(countsPrompt)
    }`,
  }));
}

const RULES: ReadonlyMap<boolean | null, string> = new Map([
  [true, "whose tokens count the prompt: converted to new tokens"],
  [false, "whose tokens are new ones"],
  [null, "which does not tell whether its tokens count the prompt: taken as new tokens"],
]);
