/** Fits a few positive constants to measurements: one after the other, each along its logarithm. */

/** A constant that may be moved. */
export interface Knob {
  readonly name: string;
  readonly value: number;
  /** Efficiencies do not exceed one. */
  readonly most?: number;
}

/** Factor by which a constant may move in one sweep. */
const REACH = 4;
const SWEEPS = 3;
const STEPS = 18;

/** Gain of the objective below which a constant counts as not measured. */
const LEAST_GAIN = 1e-3;

/**
 * Minimizes the mean of what `errors` returns for given constants. A constant that gains nothing keeps its value.
 *
 * @param errors Absolute errors of every measurement, on a logarithmic scale: their mean is not drawn by outliers.
 * @returns Every constant that moved.
 */
export function fitKnobs(
  knobs: readonly Knob[],
  errors: (values: ReadonlyMap<string, number>) => readonly number[],
): Map<string, number> {
  const values = new Map(knobs.map(({ name, value }) => [name, value]));
  const moved = new Map<string, number>();
  let best = mean(errors(values));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const { name, most = Infinity } of knobs) {
      const from = values.get(name) ?? 0;
      if (from <= 0) continue;
      const found = goldenSection(
        (logarithm) => mean(errors(new Map([...values, [name, Math.exp(logarithm)]]))),
        Math.log(from / REACH),
        Math.log(Math.min(most, from * REACH)),
      );
      if (found.value > best - LEAST_GAIN) continue;
      best = found.value;
      values.set(name, Math.exp(found.at));
      moved.set(name, Math.exp(found.at));
    }
  }
  return moved;
}

const GOLDEN = (Math.sqrt(5) - 1) / 2;

function goldenSection(
  objective: (at: number) => number,
  low: number,
  high: number,
): { at: number; value: number } {
  let [a, b] = [low, high];
  let c = b - GOLDEN * (b - a);
  let d = a + GOLDEN * (b - a);
  let [atC, atD] = [objective(c), objective(d)];
  for (let step = 0; step < STEPS; step++) {
    if (atC < atD) {
      [b, d, atD] = [d, c, atC];
      c = b - GOLDEN * (b - a);
      atC = objective(c);
    } else {
      [a, c, atC] = [c, d, atD];
      d = a + GOLDEN * (b - a);
      atD = objective(d);
    }
  }
  return atC < atD ? { at: c, value: atC } : { at: d, value: atD };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
