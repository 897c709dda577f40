import assert from "node:assert/strict";
import { join } from "node:path";
import { EventReader } from "../../lib/run/events.ts";
import { temporaryFolder } from "../temporary.ts";

function started(): {
  reader: EventReader;
  append: (rank: number, data: string | Uint8Array<ArrayBuffer>) => void;
} {
  const folder = temporaryFolder();
  Deno.mkdirSync(join(folder, "events"));
  return {
    reader: new EventReader(folder, 2),
    append(rank, data) {
      const path = join(folder, "events", `rank-${rank}.jsonl`);
      const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
      Deno.writeFileSync(path, bytes, { append: true });
    },
  };
}

Deno.test("events come as they are written, and a torn line waits for its rest", () => {
  const { reader, append } = started();
  assert.deepEqual(reader.read(), []);
  append(0, '{"event":"finished","rank":0,"time":1}\n{"event":"fin');
  assert.deepEqual(reader.read().map(({ event, rank }) => [event, rank]), [["finished", 0]]);
  append(0, 'ished","rank":0,"time":2}\n');
  append(1, '{"event":"finished","rank":1,"time":3}\n');
  assert.deepEqual(reader.read().map(({ time }) => time), [2, 3]);
  assert.deepEqual(reader.read(), []);
});

Deno.test("a character that is torn between two reads survives", () => {
  const { reader, append } = started();
  const bytes = new TextEncoder().encode('{"event":"é","rank":0,"time":1}\n');
  const cut = bytes.indexOf(0xc3) + 1;
  append(0, bytes.slice(0, cut));
  assert.deepEqual(reader.read(), []);
  append(0, bytes.slice(cut));
  assert.equal(String(reader.read()[0]?.event), "é");
});

Deno.test("lines that are no events, or of another rank, are left out", () => {
  const { reader, append } = started();
  append(0, 'not json\n[]\n{"event":1}\n{"event":"finished","rank":1,"time":1}\n');
  append(0, '{"event":"finished","rank":0,"time":2}\n');
  assert.deepEqual(reader.read().map(({ time }) => time), [2]);
});
