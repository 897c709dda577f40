/**
 * Which parameters are gathered when: `PartitionedParameterCoordinator` of
 * deepspeed/runtime/zero/partitioned_param_coordinator.py (0.19.8). The first pass is recorded, every later one prefetches
 * along the record: at each call of a module, also of one without parameters.
 */

/** One partitioned parameter, shared by the modules that tie it. */
export interface LiveParameter {
  readonly name: string;
  readonly elements: number;
  /** Stays gathered: at most `stage3_param_persistence_threshold` elements. */
  readonly persists: boolean;
}

/** A call of a module as its hooks see it. */
export interface ModuleCall<P> {
  /** What is gathered for it: of a leaf all that is in it, of others what they have themselves. */
  readonly parameters: readonly P[];
  readonly isLeaf: boolean;
  /** What it has itself, and all that is in it. */
  readonly own: readonly P[];
  readonly within: readonly P[];
}

/** DeepSpeed's settings, in elements. */
export interface LiveLimits {
  readonly prefetchBucket: number;
  readonly maxLive: number;
  readonly maxReuseDistance: number;
}

/** What gathering does to memory. */
export interface Gatherer<P extends LiveParameter> {
  /** Starts one collective for these parameters, in the order of their ids. */
  start(parameters: readonly P[]): void;
  /** The parameter is needed: its collective has to have finished. */
  wait(parameter: P): void;
  release(parameter: P): void;
}

/** A parameter in the record of a pass, with the number of the module call that uses it. */
interface Use<P> {
  readonly parameter: P;
  readonly step: number;
}

export class Coordinator<P extends LiveParameter> {
  readonly #limits: LiveLimits;
  readonly #gatherer: Gatherer<P>;
  readonly #ids: ReadonlyMap<P, number>;
  /** Module calls of the first pass. */
  readonly #calls: ModuleCall<P>[];
  #isRecorded = false;
  /** Per module that returned and call that had begun last, what may be dropped: as it was when first asked for. */
  readonly #droppable: Map<readonly P[], ReadonlySet<P>>[] = [];
  #queue: Use<P>[] = [];
  /** Position of the next entry of the queue. */
  #next = 0;
  #step = 0;
  #liveElements = 0;
  readonly #live = new Set<P>();
  readonly #inFlight = new Set<P>();
  /** Last call that a fetch or prefetch of this pass was for. */
  readonly #fetchedFor = new Map<P, number>();

  /**
   * @param parameters All parameters in the order in which they were partitioned: their ids.
   * @param recorded The module calls of a pass, when one was recorded before.
   */
  constructor(
    parameters: readonly P[],
    limits: LiveLimits,
    gatherer: Gatherer<P>,
    recorded: readonly ModuleCall<P>[] = [],
  ) {
    this.#ids = new Map(parameters.map((parameter, id) => [parameter, id]));
    this.#limits = limits;
    this.#gatherer = gatherer;
    this.#calls = [...recorded];
  }

  /** `reset_step`, before each forward pass. */
  beginPass(): void {
    for (const parameter of this.#inFlight) {
      this.#gatherer.wait(parameter);
      this.#release(parameter);
    }
    this.#inFlight.clear();
    if (!this.#isRecorded && this.#calls.length > 0) {
      this.#isRecorded = true;
      this.#queue = this.#calls.flatMap(({ parameters }, step) =>
        this.#byId(parameters).map((parameter) => ({ parameter, step }))
      );
    }
    this.#next = 0;
    this.#step = 0;
    this.#liveElements = 0;
    this.#fetchedFor.clear();
  }

  /** `fetch_sub_module`, before a module runs. */
  enter(call: ModuleCall<P>): void {
    const sorted = this.#byId(call.parameters);
    if (!this.#isRecorded) this.#calls.push(call);
    this.#gather(sorted);
    for (const parameter of sorted) {
      if (!this.#inFlight.delete(parameter)) continue;
      this.#gatherer.wait(parameter);
    }
    if (this.#isRecorded) this.#prefetch(sorted);
    this.#step += 1;
  }

  /** `release_sub_module`, after it has run. */
  leave(call: ModuleCall<P>): void {
    const droppable = this.#isRecorded ? this.#droppableAfter(call) : undefined;
    for (const parameter of call.parameters) {
      if (droppable === undefined || droppable.has(parameter)) this.#release(parameter);
    }
  }

  /** Drops what is still gathered, as the end of the process would. */
  end(): void {
    this.beginPass();
    for (const parameter of [...this.#live]) this.#release(parameter);
  }

  #byId(parameters: readonly P[]): P[] {
    return [...parameters].sort((a, b) => (this.#ids.get(a) ?? 0) - (this.#ids.get(b) ?? 0));
  }

  #gather(parameters: readonly P[]): void {
    const missing = parameters.filter((parameter) => !this.#live.has(parameter));
    if (missing.length === 0) return;
    this.#gatherer.start(this.#byId(missing));
    for (const parameter of missing) {
      this.#live.add(parameter);
      this.#inFlight.add(parameter);
      this.#liveElements += parameter.elements;
    }
  }

  /** Takes what the module needs off the queue, then gathers ahead until a limit is reached, and one more. */
  #prefetch(needed: readonly P[]): void {
    const pending = needed.filter((parameter) =>
      (this.#fetchedFor.get(parameter) ?? -Infinity) < this.#step
    );
    for (let taken = 0; taken < pending.length; taken++) this.#takeNext();
    const { maxLive, prefetchBucket } = this.#limits;
    if (prefetchBucket <= 0) return;
    const room = Math.min(maxLive - this.#liveElements, prefetchBucket);
    const ahead = new Set<P>();
    let elements = 0;
    while (this.#next < this.#queue.length && elements < room) {
      const parameter = this.#takeNext();
      if (parameter === undefined || this.#live.has(parameter) || ahead.has(parameter)) continue;
      ahead.add(parameter);
      elements += parameter.elements;
    }
    this.#gather([...ahead]);
  }

  #takeNext(): P | undefined {
    const use = this.#queue[this.#next];
    this.#next += 1;
    if (use === undefined) return undefined;
    const { parameter, step } = use;
    this.#fetchedFor.set(parameter, Math.max(this.#fetchedFor.get(parameter) ?? 0, step));
    return parameter;
  }

  /** `__params_to_release`, whose answers are kept from pass to pass. */
  #droppableAfter(call: ModuleCall<P>): ReadonlySet<P> {
    const known = (this.#droppable[this.#step] ??= new Map());
    let droppable = known.get(call.parameters);
    if (droppable === undefined) {
      droppable = new Set(call.parameters.filter((parameter) => this.#mayRelease(parameter, call)));
      known.set(call.parameters, droppable);
    }
    return droppable;
  }

  /** A parameter stays when prefetching has skipped a later use of it, or when that use is near. */
  #mayRelease(parameter: P, { isLeaf }: ModuleCall<P>): boolean {
    if (parameter.persists || (this.#fetchedFor.get(parameter) ?? -Infinity) > this.#step) {
      return false;
    }
    let distance = 0;
    for (let step = this.#step; step < this.#calls.length; step++) {
      if (distance >= this.#limits.maxReuseDistance) break;
      // Whether the module that returned is a leaf decides how all later ones are looked at: from outside of leaves,
      // these have no parameters of their own.
      const later = this.#calls[step];
      for (const other of (isLeaf ? later?.within : later?.own) ?? []) {
        if (other === parameter) return false;
        distance += other.elements;
      }
    }
    return true;
  }

  #release(parameter: P): void {
    if (!this.#live.delete(parameter)) return;
    this.#gatherer.release(parameter);
    this.#liveElements -= parameter.elements;
  }
}
