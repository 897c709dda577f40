/** What the end of a process that said nothing means: the reason is the engine's own, or must be read from its log. */
import type { AttemptEnd } from "./attempt.ts";
import { type Failure, failureOf, KILLED, KILLED_REGEXP } from "./failure_kinds.ts";
import type { HostWatchReport } from "./host_watch.ts";
import type { CellStatus } from "./protocol.ts";

/** What an end comes to. */
export interface Death {
  readonly status: CellStatus;
  readonly message: string;
  readonly failure?: Failure;
}

/**
 * Reads an end.
 *
 * @param hostBytes Memory of the host; what counts as short is a part of it.
 * @param who What ended, to be told.
 */
export function readDeath(
  { stopped, process, host }: AttemptEnd,
  hostBytes: number,
  who = "the worker",
): Death {
  switch (stopped?.kind) {
    case "interrupted":
      return { status: "interrupted", message: "the run was interrupted" };
    case "timeout":
    case "silent":
      return { status: "timeout", message: stopped.message };
    case "host":
      return { status: "host-oom", message: stopped.message, failure: KILLED.certain };
  }
  const said = lastError(process.tail);
  const found = failureOf(process.tail) ?? failureOf(process.signal ?? "");
  const how = process.signal === null
    ? `${who} ended with exit code ${process.code}`
    : `${who} was ended by ${process.signal}`;
  if (found !== null) {
    const message = said === "" ? how : said;
    return { status: found.status, message, failure: found.failure };
  }
  const message = said === "" ? how : `${how}: ${said}`;
  if (process.signal !== "SIGKILL" && !KILLED_REGEXP.test(process.tail)) {
    return { status: "crashed", message };
  }
  return wasShort(host, hostBytes)
    ? { status: "host-oom", message, failure: KILLED.certain }
    : { status: "crashed", message, failure: KILLED.suspected };
}

/** Whether the host had so little left that a kill was the kernel's. */
function wasShort(
  { kernelKills, leastAvailableBytes }: HostWatchReport,
  hostBytes: number,
): boolean {
  return kernelKills > 0 ||
    (leastAvailableBytes !== null && leastAvailableBytes < 0.05 * hostBytes);
}

/** The last line of a log that names an error, or else its last line. */
export function lastError(tail: string): string {
  const lines = tail.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "");
  const error = lines.findLast((line) =>
    /^(\w+\.)*\w*(Error|Exception)\b|terminate called|what\(\)/.test(line)
  );
  return (error ?? lines.at(-1) ?? "").slice(0, 500);
}
