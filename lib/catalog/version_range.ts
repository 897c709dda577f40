/** Whether a version lies in a range such as `>=0.7.4 <0.9.0`. */

const COMPARATOR_REGEXP = /^(>=|<=|>|<|==)(\d+(?:\.\d+)*)$/;

/**
 * @param version As on PyPI. Only its numbers count: a release candidate or a local build is taken for its release.
 * @param range Comparators apart by spaces, all of which must hold.
 * @throws TypeError for a range that cannot be read: ranges are our own data.
 */
export function inRange(version: string, range: string): boolean {
  return range.split(/\s+/).every((comparator) => {
    const [, operator, bound] = COMPARATOR_REGEXP.exec(comparator) ?? [];
    if (bound === undefined) throw new TypeError(`Cannot read version range "${range}"`);
    const order = compareVersions(version, bound);
    if (operator === ">=") return order >= 0;
    if (operator === "<=") return order <= 0;
    if (operator === ">") return order > 0;
    if (operator === "<") return order < 0;
    return order === 0;
  });
}

/** Negative when `left` is older than `right`. Missing numbers are 0: 0.20 equals 0.20.0. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [numbers(left), numbers(right)];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function numbers(version: string): number[] {
  const [release = ""] = /^\d+(\.\d+)*/.exec(version) ?? [];
  return release.split(".").map(Number);
}
