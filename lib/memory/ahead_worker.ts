/** The other threads of `ahead.ts`: answers one request after the other. */
import { type AheadRequest, answer } from "./ahead.ts";
import { DeviceReplay } from "./reserved.ts";

/** What a thread has of its own, which the types of the main thread do not know. */
declare const self: {
  onmessage: (event: MessageEvent<AheadRequest>) => void;
  postMessage(message: unknown): void;
};

const replays: DeviceReplay[] = [];

self.onmessage = ({ data }) => {
  replays.push(...data.programs.map((program) => new DeviceReplay(program)));
  self.postMessage(answer(data, replays));
};
