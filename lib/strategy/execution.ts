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
