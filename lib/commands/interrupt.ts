/** What ends a run from outside: Ctrl-C, a termination, or the time that it may take. */
import { killAll } from "../run/process.ts";
import { EXIT } from "./settings.ts";

/** Listens until it is closed. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** Of the signal that came; undefined when none did. */
  exitCode(): number | undefined;
  /** Whether the time was used up. */
  isTimeUp(): boolean;
  close(): void;
}

/**
 * The first signal asks the run to end in order: the cell in flight is given up, the results so far are written. A
 * second one kills every process of every session and ends this one at once.
 */
export function listenForSignals({ onFirst, limitSeconds }: {
  readonly onFirst: (name: string) => void;
  readonly limitSeconds?: number;
}): Interrupt {
  const controller = new AbortController();
  let code: number | undefined;
  let isTimeUp = false;
  function listener(name: string, exitCode: number): () => void {
    return () => {
      if (code !== undefined) {
        killAll();
        Deno.exit(exitCode);
      }
      code = exitCode;
      onFirst(name);
      controller.abort();
    };
  }
  const onInterrupt = listener("interrupted", EXIT.interrupted);
  const onTerminate = listener("terminated", EXIT.terminated);
  Deno.addSignalListener("SIGINT", onInterrupt);
  Deno.addSignalListener("SIGTERM", onTerminate);
  const timer = limitSeconds === undefined ? undefined : setTimeout(() => {
    isTimeUp = true;
    controller.abort();
  }, limitSeconds * 1000);
  return {
    signal: controller.signal,
    exitCode: () => code,
    isTimeUp: () => isTimeUp,
    close() {
      clearTimeout(timer);
      Deno.removeSignalListener("SIGINT", onInterrupt);
      Deno.removeSignalListener("SIGTERM", onTerminate);
    },
  };
}
