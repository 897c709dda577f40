/** What happens in a run as objects for other programs: one a line, the first names the format. */
import { FORMAT_VERSION } from "../plan/plan.ts";
import type { Progress } from "../run/progress.ts";
import { VERSION } from "../version.ts";

/** The first line. */
export function firstEvent(): Record<string, unknown> {
  return { event: "version", formatVersion: FORMAT_VERSION, tool: "stowage", version: VERSION };
}

/** A step of a run; nothing for a worker's event that only the engine needs. */
export function jsonEvent(progress: Progress): Record<string, unknown> | undefined {
  switch (progress.kind) {
    case "note":
      return { event: "note", text: progress.text };
    case "folder":
      return { event: "folder", folder: progress.folder };
    case "decided":
      return {
        event: "decided",
        cells: progress.decisions.map(({ cell, action, reason }) => ({
          id: cell.id,
          action,
          reason,
        })),
      };
    case "session":
      return {
        event: "session",
        sessionId: progress.session.id,
        cellIds: progress.cells.map(({ id }) => id),
      };
    case "session-ended":
      return { event: "session-ended", sessionId: progress.session.id };
    case "cell":
      return { event: "cell", sessionId: progress.session.id, cellId: progress.cell.id };
    case "event": {
      const { event, session: { id: sessionId } } = progress;
      if (event.event === "loaded" && event.rank === 0) {
        return { event: "loaded", sessionId, loadSeconds: event.loadSeconds };
      }
      if (event.event !== "heartbeat") return undefined;
      const { rank, cellId, peakBytes } = event;
      return { event: "heartbeat", sessionId, rank, cellId, peakBytes };
    }
    case "outcome": {
      const { cell, outcome, done, total } = progress;
      return { event: "outcome", cellId: cell.id, done, total, ...outcome };
    }
  }
}
