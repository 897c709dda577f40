/** The grid as written to axes in the order of the file, with everything checked against the strategies. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import * as messages from "../diagnostics/messages/language_meaning.ts";
import { suggest } from "../diagnostics/suggest.ts";
import type { AxisValue, GridSpec, StrategySpec } from "./pipeline.ts";
import type { Places } from "./places.ts";
import { describeValue } from "./schema_issues.ts";
import { LENGTH_AXES, optionsOf, type Use, USES } from "./schema_strategies.ts";

/** A grid that the schema has accepted, as it stands in the file. */
export type WrittenGrid = Readonly<Record<string, unknown>>;

type Entry = Readonly<Record<string, AxisValue>>;

/** The names of the axes that a grid lists, in its order. */
export function axisNames(written: WrittenGrid): readonly string[] {
  return Object.keys(written).filter((key) => key !== "include" && key !== "exclude");
}

/** A grid in which every axis has its values once; `batchSize` comes first where the file leaves it out. */
export function normalizeGrid(
  written: WrittenGrid,
  places: Places,
): { readonly grid: GridSpec; readonly diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const axes = axisNames(written).map((name) => {
    const values = written[name] as readonly AxisValue[];
    const unique = new Set<AxisValue>();
    values.forEach((value, index) => {
      if (!unique.has(value)) {
        unique.add(value);
        return;
      }
      const place = places.value(["grid", name, index]);
      const parameters = { axis: name, value: describeValue(value) };
      diagnostics.push(messages.duplicateAxisValue(parameters, place));
    });
    return { name, values: [...unique] };
  });
  if (!axes.some(({ name }) => name === "batchSize")) {
    axes.unshift({ name: "batchSize", values: [1] });
  }
  const grid = {
    axes,
    include: (written["include"] ?? []) as readonly Entry[],
    exclude: (written["exclude"] ?? []) as readonly Entry[],
  };
  return { grid, diagnostics };
}

/**
 * Checks that strategies of the pipeline have the options and the names that the grid speaks of.
 *
 * @param strategies Undefined where one is wrong; then nothing is said of options that it might have.
 */
export function checkGrid(
  grid: GridSpec,
  strategies: readonly (StrategySpec | undefined)[],
  places: Places,
): readonly Diagnostic[] {
  const valid = strategies.filter((each) => each !== undefined);
  const complete = valid.length === strategies.length;
  const uses = complete ? [...new Set(valid.map(({ use }) => use))] : USES;
  const unused = grid.axes.filter(({ name }) => !hasAxis(uses, name)).map(({ name }) =>
    axisUnused(name, { uses }, places.key(["grid", name]))
  );
  const entries = (["include", "exclude"] as const).flatMap((kind) =>
    grid[kind].flatMap((entry, index) =>
      checkEntry(entry, ["grid", kind, index], { valid, complete, uses, places })
    )
  );
  return [...unused, ...entries];
}

function hasAxis(uses: readonly Use[], name: string): boolean {
  return LENGTH_AXES.includes(name) || uses.some((use) => optionsOf(use).includes(name));
}

function axisUnused(
  axis: string,
  owners: { readonly uses: readonly Use[]; readonly strategy?: string },
  place: ReturnType<Places["key"]>,
): Diagnostic {
  const ownedBy = USES.filter((use) => optionsOf(use).includes(axis));
  return messages.axisUnused({ axis, ...owners, ownedBy }, place);
}

interface EntryContext {
  readonly valid: readonly StrategySpec[];
  readonly complete: boolean;
  readonly uses: readonly Use[];
  readonly places: Places;
}

function checkEntry(
  entry: Entry,
  path: readonly (string | number)[],
  { valid, complete, uses, places }: EntryContext,
): readonly Diagnostic[] {
  const { strategy: name, ...options } = entry;
  let owners = uses;
  let owned = {};
  if (name !== undefined) {
    const owner = valid.find((each) => each.name === name);
    if (owner === undefined && complete) {
      const names = valid.map((each) => each.name);
      const suggestion = suggest(String(name), names);
      const hint = suggestion === undefined ? {} : { suggestion };
      const place = places.value([...path, "strategy"]);
      return [messages.unknownStrategyName({ name: String(name), names, ...hint }, place)];
    }
    if (owner !== undefined) {
      owners = [owner.use];
      owned = { strategy: owner.name };
    }
  }
  const names = Object.keys(options);
  const unused = names.filter((option) => !hasAxis(owners, option));
  if (unused.length > 0) {
    return unused.map((option) =>
      axisUnused(option, { uses: owners, ...owned }, places.key([...path, option]))
    );
  }
  if (path[1] === "exclude" || owners.some((use) => names.every((each) => hasAxis([use], each)))) {
    return [];
  }
  return [messages.entryFitsNoStrategy({ options: names }, places.value(path))];
}
