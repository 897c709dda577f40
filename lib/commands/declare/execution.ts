/** Options of the commands that run cells. */
import { type Command, InvalidArgumentError, Option } from "../commander.ts";
import { parseQuantity } from "../../language/units.ts";
import type { ExecuteSettings } from "../execute.ts";
import type { OutputSettings } from "../settings.ts";
import { type Flags, given } from "./words.ts";

/** Adds them to a command. */
export function executionOptions(declared: Command): Command {
  return declared
    .option("--rerun <what>", "run again what has a result: failed, all, or the id of a cell")
    .option("--json", "print what happens as one JSON object a line, instead of the results")
    .addOption(
      new Option("--fail-on <condition>", "exit 1 when a prediction of OOM was wrong")
        .choices(["mismatch"]),
    )
    .addOption(
      new Option("--time-limit <time>", "end the run after this time, such as 8h; resume goes on")
        .argParser(duration),
    )
    .addOption(
      new Option("--session-time-limit <time>", "end a session after this time, such as 30min")
        .argParser(duration),
    );
}

/** What they come to. */
export function execution(
  { failOn, rerun, json, timeLimit: timeLimitSeconds, sessionTimeLimit: sessionTimeLimitSeconds }:
    Flags,
): Omit<ExecuteSettings, keyof OutputSettings> & { readonly rerun?: string } {
  return {
    failOnMismatch: failOn === "mismatch",
    ...given({ rerun, json, timeLimitSeconds, sessionTimeLimitSeconds }),
  };
}

/** Seconds of `90s`, `30min`, `8h`. */
function duration(value: string): number {
  const seconds = parseQuantity("duration", value);
  if (typeof seconds === "number" && seconds > 0) return seconds;
  throw new InvalidArgumentError("A time such as 90s, 30min or 8h.");
}
