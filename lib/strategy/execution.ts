/** The execution of a strategy that does nothing around modules, for others to build on. */
import type { Execution } from "../model/family.ts";

/** Everything on one device, no hooks. */
export function plainExecution(device: number): Execution {
  return {
    deviceOf: () => device,
    enter: () => {},
    leave: () => {},
    allReduce: () => {},
    lmHeadSplit: false,
  };
}

/** The same, with `begin` called when the first module is about to run: what a process sets up lazily. */
export function beginningWith(begin: () => void, execution: Execution): Execution {
  let hasBegun = false;
  return {
    ...execution,
    enter(module, inputBytes) {
      if (!hasBegun) begin();
      hasBegun = true;
      execution.enter(module, inputBytes);
    },
  };
}
