/** The other threads of `ahead.ts`: answers one request. */
import { type AheadRequest, answer } from "./ahead.ts";
import { DeviceReplay } from "./reserved.ts";

/** What a thread has of its own, which the types of the main thread do not know. */
declare const self: {
  onmessage: (event: MessageEvent<AheadRequest>) => void;
  postMessage(message: unknown): void;
};

self.onmessage = ({ data }) => {
  self.postMessage(answer(data, (program) => new DeviceReplay(program)));
};
