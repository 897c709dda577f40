/**
 * The grid to cells: for each strategy the product of the axes that it has, less what `exclude` matches, plus
 * what `include` adds.
 */
import type { Diagnostic, Outcome } from "../diagnostics/diagnostic.ts";
import * as messages from "../diagnostics/messages/language_meaning.ts";
import { newTokensOf } from "./normalize_lengths.ts";
import type { AxisValue, CellSpec, Pipeline, StrategySpec } from "./pipeline.ts";
import { noPlaces, type Places } from "./places.ts";
import { LENGTH_AXES, optionsOf } from "./schema_strategies.ts";

/** More cells than anyone can read; also the bound on time and memory of every later stage. */
export const MAX_CELLS = 100_000;

type Axes = Readonly<Record<string, AxisValue>>;

/** Whether a strategy varies along an axis. */
function varies(strategy: StrategySpec, axis: string): boolean {
  return LENGTH_AXES.includes(axis) || optionsOf(strategy.use).includes(axis);
}

/** Cells before anything is excluded. Exact: the product can pass what a number holds. */
export function countCells({ strategies, grid }: Pick<Pipeline, "strategies" | "grid">): bigint {
  let count = 0n;
  for (const strategy of strategies) {
    const axes = grid.axes.filter(({ name }) => varies(strategy, name));
    count += axes.reduce((product, { values }) => product * BigInt(values.length), 1n);
  }
  return count + BigInt(grid.include.length) * BigInt(strategies.length);
}

/** A value as a part of a cell id: no separator of ids, no space, nothing that a shell acts upon. */
function idText(value: AxisValue): string {
  return encodeURIComponent(value).replace(
    /[!'()*~]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  ).replaceAll("%2F", "/");
}

function makeCell(pipeline: Pipeline, strategyIndex: number, axes: Axes): CellSpec {
  const strategy = pipeline.strategies[strategyIndex];
  if (strategy === undefined) throw new RangeError(`Strategy ${strategyIndex} does not exist`);
  const { batchSize = 1, promptTokens = pipeline.prompts.tokens, newTokens, ...options } = axes;
  const id = Object.entries(axes).map(([axis, value]) => `${axis}=${idText(value)}`).join(",");
  return {
    id: `${strategy.name}/${id}`,
    strategyIndex,
    strategy: { ...strategy, ...options },
    batchSize: Number(batchSize),
    promptTokens: Number(promptTokens),
    newTokens: Number(newTokens ?? newTokensOf(pipeline.generate, Number(promptTokens))),
    axes,
  };
}

/** The last axis varies fastest. */
function product(axes: readonly { name: string; values: readonly AxisValue[] }[]): readonly Axes[] {
  let points: Axes[] = [{}];
  for (const { name, values } of axes) {
    points = points.flatMap((point) => values.map((value) => ({ ...point, [name]: value })));
  }
  return points;
}

/** What an entry of `exclude` compares: an axis, a length, or an option that the strategy has fixed. */
function cellValue(cell: CellSpec, key: string): unknown {
  if (key === "strategy") return cell.strategy.name;
  if (key === "batchSize" || key === "promptTokens" || key === "newTokens") return cell[key];
  return (cell.strategy as unknown as Readonly<Record<string, unknown>>)[key];
}

type Pairs = readonly (readonly [key: string, value: AxisValue])[];

function matches(cell: CellSpec, entry: Pairs): boolean {
  return entry.every(([key, value]) => cellValue(cell, key) === value);
}

/** Values of an entry in the order of the grid's axes, then in its own; with a batch in any case. */
function includedAxes(pipeline: Pipeline, entry: Axes): Axes {
  const { strategy: _, ...given } = entry;
  const names = pipeline.grid.axes.map(({ name }) => name);
  const complete: Axes = { batchSize: 1, ...given };
  const ordered = [...new Set([...names, ...Object.keys(complete)])];
  return Object.fromEntries(
    ordered.flatMap((name) => complete[name] === undefined ? [] : [[name, complete[name]]]),
  );
}

function addIncluded(pipeline: Pipeline, cells: CellSpec[], places: Places): readonly Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const ids = new Set(cells.map(({ id }) => id));
  pipeline.grid.include.forEach((entry, index) => {
    const axes = includedAxes(pipeline, entry);
    pipeline.strategies.forEach((strategy, strategyIndex) => {
      if ((entry["strategy"] ?? strategy.name) !== strategy.name) return;
      if (!Object.keys(axes).every((axis) => varies(strategy, axis))) return;
      const cell = makeCell(pipeline, strategyIndex, axes);
      if (ids.has(cell.id)) {
        const place = places.value(["grid", "include", index]);
        diagnostics.push(messages.includeRepeats({ id: cell.id }, place));
        return;
      }
      ids.add(cell.id);
      cells.push(cell);
    });
  });
  return diagnostics;
}

/**
 * Every cell of a normalized pipeline, strategy by strategy, included cells last.
 *
 * @returns No value when there would be too many cells, or none.
 */
export function expandCells(
  pipeline: Pipeline,
  places: Places = noPlaces,
): Outcome<readonly CellSpec[]> {
  const count = countCells(pipeline);
  if (count > BigInt(MAX_CELLS)) {
    const parameters = { count: count.toLocaleString("en"), limit: MAX_CELLS };
    return { diagnostics: [messages.tooManyCells(parameters, places.key(["grid"]))] };
  }
  const { axes } = pipeline.grid;
  const exclude = pipeline.grid.exclude.map((entry) => Object.entries(entry));
  const matched = exclude.map(() => false);
  const cells: CellSpec[] = [];
  pipeline.strategies.forEach((strategy, strategyIndex) => {
    for (const point of product(axes.filter(({ name }) => varies(strategy, name)))) {
      const cell = makeCell(pipeline, strategyIndex, point);
      let excluded = false;
      exclude.forEach((entry, index) => {
        if (!matches(cell, entry)) return;
        excluded = true;
        matched[index] = true;
      });
      if (!excluded) cells.push(cell);
    }
  });
  const diagnostics: Diagnostic[] = exclude.flatMap((_, index) =>
    matched[index]
      ? []
      : [messages.excludeMatchesNothing({}, places.value(["grid", "exclude", index]))]
  );
  diagnostics.push(...addIncluded(pipeline, cells, places));
  if (cells.length === 0) {
    diagnostics.push(messages.noCells({}, places.key(["grid", "exclude"])));
    return { diagnostics };
  }
  return { value: cells, diagnostics };
}
