import assert from "node:assert/strict";
import fc from "fast-check";
import {
  Coordinator,
  type LiveParameter,
  type ModuleCall,
} from "../../../lib/strategy/ds_zero/coordinator.ts";

/** Keeps what is gathered, and how much at most. */
class Ledger {
  readonly live = new Set<LiveParameter>();
  readonly started: string[][] = [];
  peak = 0;

  start(parameters: readonly LiveParameter[]): void {
    this.started.push(parameters.map(({ name }) => name));
    for (const parameter of parameters) {
      assert.ok(!this.live.has(parameter), `${parameter.name} is gathered twice`);
      this.live.add(parameter);
    }
    this.peak = Math.max(
      this.peak,
      [...this.live].reduce((sum, { elements }) => sum + elements, 0),
    );
  }

  wait(parameter: LiveParameter): void {
    assert.ok(this.live.has(parameter));
  }

  release(parameter: LiveParameter): void {
    assert.ok(this.live.delete(parameter), `${parameter.name} is not gathered`);
  }
}

function parameters(count: number, elements = 10): LiveParameter[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `p${index}`,
    elements,
    persists: false,
  }));
}

/** A call of a module that is no leaf and has these parameters itself. */
function callOf(own: readonly LiveParameter[]): ModuleCall<LiveParameter> {
  return { parameters: own, isLeaf: false, own, within: own };
}

/** Runs modules with one parameter each, in order. */
function pass(coordinator: Coordinator<LiveParameter>, order: readonly LiveParameter[]): void {
  coordinator.beginPass();
  for (const parameter of order) {
    const call = callOf([parameter]);
    coordinator.enter(call);
    coordinator.leave(call);
  }
}

Deno.test("the first pass gathers module by module, later ones prefetch up to the limit and one more", () => {
  const all = parameters(20);
  const ledger = new Ledger();
  const limits = { prefetchBucket: 1e9, maxLive: 55, maxReuseDistance: 0 };
  const coordinator = new Coordinator(all, limits, ledger);
  pass(coordinator, all);
  assert.equal(ledger.peak, 10);
  assert.equal(ledger.started.length, 20);
  pass(coordinator, all);
  // Five parameters are below the limit, so a sixth is fetched.
  assert.equal(ledger.peak, 60);
  pass(coordinator, all);
  assert.equal(ledger.peak, 60);
  coordinator.end();
  assert.equal(ledger.live.size, 0);
});

Deno.test("a bucket smaller than a parameter still prefetches one at a time", () => {
  const all = parameters(6);
  const ledger = new Ledger();
  const coordinator = new Coordinator(
    all,
    { prefetchBucket: 1, maxLive: 1e9, maxReuseDistance: 0 },
    ledger,
  );
  pass(coordinator, all);
  ledger.started.length = 0;
  pass(coordinator, all);
  assert.deepEqual(ledger.started, [["p0"], ["p1"], ["p2"], ["p3"], ["p4"], ["p5"]]);
  assert.equal(ledger.peak, 20);
});

Deno.test("a parameter that is used again within the reuse distance, or that persists, stays", () => {
  const [tied, ...rest] = parameters(4);
  assert.ok(tied);
  const order = [tied, ...rest, tied];
  function gathersOfTied(maxReuseDistance: number): number {
    const ledger = new Ledger();
    const limits = { prefetchBucket: 0, maxLive: 1e9, maxReuseDistance };
    const coordinator = new Coordinator([tied as LiveParameter, ...rest], limits, ledger);
    pass(coordinator, order);
    ledger.started.length = 0;
    pass(coordinator, order);
    return ledger.started.flat().filter((name) => name === "p0").length;
  }
  assert.equal(gathersOfTied(1000), 1);
  assert.equal(gathersOfTied(15), 2);
  const persistent = { name: "norm", elements: 1, persists: true };
  const ledger = new Ledger();
  const coordinator = new Coordinator(
    [persistent],
    { prefetchBucket: 0, maxLive: 1e9, maxReuseDistance: 0 },
    ledger,
  );
  for (let step = 0; step < 3; step++) pass(coordinator, [persistent]);
  assert.equal(ledger.started.length, 2);
  assert.equal(ledger.live.size, 1);
});

Deno.test("seen from outside of leaves, these have no parameters: a tied one stays however many they are", () => {
  const [tied, ...inLeaves] = parameters(9);
  assert.ok(tied);
  const head = callOf([tied]);
  const leaves = inLeaves.map((each) => ({
    parameters: [each],
    isLeaf: true,
    own: [],
    within: [each],
  }));
  function gathersOfTied(calls: readonly ModuleCall<LiveParameter>[]): number {
    const ledger = new Ledger();
    const limits = { prefetchBucket: 0, maxLive: 1e9, maxReuseDistance: 25 };
    const coordinator = new Coordinator([tied as LiveParameter, ...inLeaves], limits, ledger);
    for (let pass = 0; pass < 2; pass++) {
      if (pass === 1) ledger.started.length = 0;
      coordinator.beginPass();
      for (const call of calls) {
        coordinator.enter(call);
        coordinator.leave(call);
      }
    }
    return ledger.started.flat().filter((name) => name === "p0").length;
  }
  assert.equal(gathersOfTied([head, ...leaves, head]), 1);
  assert.equal(gathersOfTied([head, ...inLeaves.map((each) => callOf([each])), head]), 2);
  // A leaf looks into others: the tied parameter of a first one that is used again behind them is dropped.
  const first = { parameters: [tied], isLeaf: true, own: [], within: [tied] };
  assert.equal(gathersOfTied([first, ...leaves, head]), 2);
});

Deno.test("whatever the order and the limits, nothing is gathered twice or dropped twice, and all is dropped", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ elements: fc.integer({ min: 1, max: 50 }), persists: fc.boolean() }), {
        minLength: 1,
        maxLength: 12,
      }),
      fc.array(fc.array(fc.nat(11), { maxLength: 3 }), { minLength: 1, maxLength: 25 }),
      fc.record({
        prefetchBucket: fc.nat(100),
        maxLive: fc.nat(200),
        maxReuseDistance: fc.nat(200),
      }),
      (sizes, modules, limits) => {
        const all = sizes.map((size, index) => ({ ...size, name: `p${index}` }));
        const calls = modules.map((
          indexes,
        ) =>
          callOf([...new Set(indexes.map((index) => all[index % all.length] as LiveParameter))])
        );
        const ledger = new Ledger();
        const coordinator = new Coordinator<LiveParameter>(all, limits, ledger);
        for (let step = 0; step < 4; step++) {
          coordinator.beginPass();
          for (const call of calls) {
            coordinator.enter(call);
            for (const parameter of call.parameters) assert.ok(ledger.live.has(parameter));
            coordinator.leave(call);
          }
        }
        coordinator.end();
        assert.equal(ledger.live.size, 0);
      },
    ),
    { seed: 11, numRuns: 300 },
  );
});
