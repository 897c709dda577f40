/** Keeps the live area at the end of what is on the terminal, and prints lines above it. */
import type { Plan } from "../plan/plan.ts";
import { initialState, nextState, predictedCellSeconds } from "../report/live_state.ts";
import { liveLines } from "../report/live_view.ts";
import { progressLine } from "../report/progress.ts";
import type { Progress } from "../run/progress.ts";
import type { Terminal } from "./terminal.ts";

/** Shows what happens. */
export interface Display {
  show(progress: Progress): void;
  close(): void;
}

const REDRAW_MS = 250;

/** A line for every event that is news: for logs and for CI. */
export function lineDisplay(terminal: Terminal): Display {
  return {
    show(progress) {
      const line = progressLine(progress);
      if (line !== undefined) terminal.talk(line);
    },
    close() {},
  };
}

/** The same lines, with a live area below them. */
export function liveDisplay(terminal: Terminal, plan: Plan): Display {
  const now = () => performance.now();
  let state = initialState(plan, now());
  let drawn = 0;
  function draw(above?: string): void {
    const lines = liveLines(state, plan, { nowMs: now(), columns: terminal.columns });
    const erase = drawn === 0 ? "" : `\x1b[${drawn}A\x1b[0J`;
    terminal.talk(erase + [...(above === undefined ? [] : [above]), ...lines].join("\n"));
    drawn = lines.length;
  }
  const timer = setInterval(draw, REDRAW_MS);
  return {
    show(progress) {
      state = nextState(state, progress, now(), (cell) => predictedCellSeconds(cell, plan));
      const line = progressLine(progress);
      if (line !== undefined) draw(line);
    },
    close() {
      clearInterval(timer);
      if (drawn > 0) terminal.talk(`\x1b[${drawn}A\x1b[0J`.concat("\x1b[1A"));
      drawn = 0;
    },
  };
}
