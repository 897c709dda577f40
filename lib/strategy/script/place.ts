/** The placement of a command that nothing is known of. */
import type { Placement } from "../strategy.ts";

/** No device, and nothing to trace: a prediction would be made up. */
export const UNTRACED: Placement = {
  worldSize: 1,
  streams: 1,
  devices: [],
  checkpointReadBytes: 0,
  mappedBytes: { loading: 0, generating: 0 },
  pinsWeights: false,
  traceKey: "",
  trace() {},
};
