/** Fills the placeholders of a launch with what only the host that runs it knows. */
import type { Launch } from "../plan/plan.ts";

/** Values of the placeholders. Paths are absolute. */
export interface LaunchValues {
  readonly python: string;
  /** Folder of the session. */
  readonly session: string;
  /** Folder of the worker scripts. */
  readonly workers: string;
  /** Indices of the GPUs, one a rank: `0,1`. */
  readonly devices: string;
  readonly port: number;
  readonly threads: number;
}

/** `argv` and `env` with every placeholder filled. Throws TypeError on a placeholder that is not known. */
export function fillLaunch(
  launch: Launch,
  values: LaunchValues,
): { argv: string[]; env: Record<string, string> } {
  const known = new Map<string, string>(
    Object.entries(values).map(([name, value]) => [name, String(value)]),
  );
  function fill(text: string): string {
    return text.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = known.get(name);
      if (value === undefined) throw new TypeError(`Cannot fill a launch: "{${name}}" is unknown`);
      return value;
    });
  }
  return {
    argv: launch.argv.map(fill),
    env: Object.fromEntries(Object.entries(launch.env).map(([name, text]) => [name, fill(text)])),
  };
}
