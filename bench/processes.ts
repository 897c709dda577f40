/** Runs this Deno with arguments and takes the time. */

/** Seconds of each run, and what the last one printed. */
export interface Measured {
  readonly seconds: readonly number[];
  readonly stdout: string;
}

/** Runs `deno ARGUMENTS` so many times. */
export async function measure(
  args: readonly string[],
  runs: number,
  command: string = Deno.execPath(),
): Promise<Measured> {
  const seconds: number[] = [];
  let stdout = "";
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    const output = await new Deno.Command(command, { args: [...args] }).output();
    seconds.push((performance.now() - start) / 1000);
    if (!output.success) throw new Error(new TextDecoder().decode(output.stderr));
    stdout = new TextDecoder().decode(output.stdout);
  }
  return { seconds, stdout };
}

/** The least and the median of some seconds. */
export function summary(seconds: readonly number[]): string {
  const ordered = [...seconds].sort((a, b) => a - b);
  const median = ordered[Math.floor(ordered.length / 2)] ?? NaN;
  return `${ordered[0]?.toFixed(2)} s at best, ${median.toFixed(2)} s at the median`;
}
