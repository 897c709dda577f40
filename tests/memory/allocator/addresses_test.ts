import assert from "node:assert/strict";
import { SegmentAddresses } from "../../../lib/memory/allocator/addresses.ts";

/** Addresses of large segments of so many units. */
function taken(addresses: SegmentAddresses, ...units: number[]): number[] {
  return units.map((each) => addresses.next(false, each));
}

Deno.test("large segments fall, small ones rise but for the first", () => {
  const addresses = new SegmentAddresses();
  assert.deepEqual(taken(addresses, 10, 20, 5), [-10, -30, -35]);
  const [first = 0, second = 0, third = 0] = [2, 2, 2].map((units) => addresses.next(true, units));
  assert.ok(first > third && third > second);
});

Deno.test("what was returned serves a segment of the same size again, the highest first", () => {
  const addresses = new SegmentAddresses();
  const [first = 0, , third = 0] = taken(addresses, 10, 20, 10, 7);
  addresses.release(false, third, 10);
  addresses.release(false, first, 10);
  assert.deepEqual(taken(addresses, 9), [-56]);
  assert.deepEqual(taken(addresses, 10, 10, 10), [first, third, -66]);
});

Deno.test("ranges that were returned beside each other are one", () => {
  const addresses = new SegmentAddresses();
  const [, second = 0, third = 0, fourth = 0] = taken(addresses, 1, 10, 20, 30, 1);
  addresses.release(false, second, 10);
  addresses.release(false, fourth, 30);
  addresses.release(false, third, 20);
  assert.deepEqual(taken(addresses, 60), [fourth]);
});

Deno.test("below the lowest segment nothing is free: addresses go on from there", () => {
  const addresses = new SegmentAddresses();
  const [, second = 0, third = 0] = taken(addresses, 10, 20, 30);
  addresses.release(false, second, 20);
  addresses.release(false, third, 30);
  assert.deepEqual(taken(addresses, 4), [-14]);
  addresses.clear();
  assert.deepEqual(taken(addresses, 4), [-4]);
});

Deno.test("small segments that were returned are left alone", () => {
  const addresses = new SegmentAddresses();
  const first = addresses.next(true, 2);
  addresses.release(true, first, 2);
  assert.ok(addresses.next(true, 2) < first);
});
