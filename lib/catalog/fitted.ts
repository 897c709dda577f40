/** Which constants were fitted to a set of measurements: against them they prove nothing. */
import { CALIBRATION_FILES } from "./speed_calibration.ts";
import memory from "./data/calibration.json" with { type: "json" };

/**
 * Names of the constants that were fitted to what is measured in `source`, with the kind of device that they hold for.
 *
 * @param source A file, or `published` and the name of a table.
 */
export function fittedTo(source: string): string[] {
  const places: [string, unknown][] = [
    ...CALIBRATION_FILES.map((file): [string, unknown] => [file.kind, file]),
    ["", memory],
  ];
  const found = places.flatMap(([kind, file]) =>
    namesFittedTo(source, "", file).map((name) => kind === "" ? name : `${name} of ${kind}`)
  );
  return [...new Set(found)];
}

/** A factor of the intervals is named as such. */
function nameOf(key: string, parent: string): string {
  return parent === "spread" ? `the spread of ${key}` : key;
}

function namesFittedTo(source: string, name: string, value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const { fittedTo } = value as { readonly fittedTo?: readonly string[] };
  if (fittedTo !== undefined) return fittedTo.some((each) => source.includes(each)) ? [name] : [];
  return Object.entries(value).flatMap(([key, inner]) =>
    namesFittedTo(source, nameOf(key, name), inner)
  );
}
