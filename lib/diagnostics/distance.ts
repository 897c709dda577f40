/** How far apart two words are, in slips of the finger. */

/**
 * The number of letters to insert, remove, replace or swap with their neighbour to make one word of the other
 * (optimal string alignment).
 *
 * @param limit Larger distances are not told apart: they come back as `limit + 1`.
 */
export function editDistance(left: string, right: string, limit: number): number {
  const beyond = limit + 1;
  if (Math.abs(left.length - right.length) > limit) return beyond;
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row += 1) {
    const from = Math.max(1, row - limit);
    const to = Math.min(right.length, row + limit);
    const current: number[] = new Array(right.length + 1).fill(beyond);
    if (row <= limit) current[0] = row;
    let least = current[0] ?? beyond;
    for (let column = from; column <= to; column += 1) {
      const same = left[row - 1] === right[column - 1];
      let distance = Math.min(
        (last[column - 1] ?? beyond) + (same ? 0 : 1),
        (last[column] ?? beyond) + 1,
        (current[column - 1] ?? beyond) + 1,
      );
      const swapped = row > 1 && column > 1 && left[row - 1] === right[column - 2] &&
        left[row - 2] === right[column - 1];
      if (swapped) distance = Math.min(distance, (beforeLast[column - 2] ?? beyond) + 1);
      current[column] = Math.min(distance, beyond);
      least = Math.min(least, current[column] ?? beyond);
    }
    if (least > limit) return beyond;
    beforeLast = last;
    last = current;
  }
  return Math.min(last[right.length] ?? beyond, beyond);
}
