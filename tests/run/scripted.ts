/** Runs sessions of the scripted worker, which needs no library and no model. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Plan, PlanCell, PlanSession } from "../../lib/plan/plan.ts";
import { ListQueue } from "../../lib/run/cell_queue.ts";
import type { Limits } from "../../lib/run/conversation.ts";
import type { GroupPlace } from "../../lib/run/memory_group_place.ts";
import type { CellOutcome } from "../../lib/run/outcome.ts";
import type { WorkerEvent } from "../../lib/run/protocol.ts";
import { runSession, type SessionJournal } from "../../lib/run/session.ts";
import { cell, plan as buildPlan } from "../report/builders.ts";
import { temporaryFolder } from "../temporary.ts";

/** The worker's file. */
export const WORKER = fileURLToPath(new URL("./fixtures/scripted_worker.py", import.meta.url));

/** A cell whose id tells the worker what to do. */
export function scripted(id: string): PlanCell {
  return { ...cell({ use: "accelerate", batchSize: 2 }), id, key: `key of ${id}` };
}

/** A plan with one session of these cells. */
export function scriptedPlan(
  ids: readonly string[],
  { worldSize = 1, env = {}, hostBytes, timeoutSeconds = 60 }: {
    readonly worldSize?: number;
    readonly env?: Readonly<Record<string, string>>;
    readonly hostBytes?: number;
    readonly timeoutSeconds?: number;
  } = {},
): { plan: Plan; session: PlanSession; cells: readonly PlanCell[] } {
  const cells = ids.map(scripted);
  const session: PlanSession = {
    id: "scripted",
    strategy: "accelerate",
    worldSize,
    launch: { argv: ["{python}", "{workers}", "{session}/request.json"], env, files: {} },
    cellIds: ids,
  };
  const base = buildPlan(cells);
  const plan: Plan = {
    ...base,
    hardware: { ...base.hardware, devices: { ...base.hardware.devices, kind: "cpu" } },
    stack: { ...base.stack, runnable: true },
    budget: { predictedOom: "run", ...(hostBytes === undefined ? {} : { hostBytes }) },
    benchmark: { ...base.benchmark, timeoutSeconds },
    sessions: [session],
  };
  return { plan, session, cells };
}

/** What came of a session. */
export interface Ran {
  readonly outcomes: Map<string, CellOutcome>;
  readonly logs: Map<string, string | null>;
  readonly events: WorkerEvent[];
  /** What the journal was told, in order. */
  readonly journal: string[];
  /** What was said of starting again. */
  readonly retries: string[];
  readonly folder: string;
  /** The cell that was in flight when the signal came. */
  readonly inFlight: PlanCell | null;
}

/** Settings of a scripted session. */
export interface ScriptOptions {
  readonly worldSize?: number;
  readonly timeoutSeconds?: number;
  readonly limits?: Partial<Limits>;
  readonly load?: "oom" | "crash" | "hang" | "die";
  readonly hostBytes?: number;
  /** Where control groups may be made; without it only watching holds processes to `hostBytes`. */
  readonly groups?: GroupPlace;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: WorkerEvent) => void;
}

/** Runs cells whose ids tell the worker what to do. */
export async function runScript(ids: readonly string[], options: ScriptOptions = {}): Promise<Ran> {
  const { limits, load, signal, onEvent, groups, ...rest } = options;
  const folder = temporaryFolder();
  const env: Record<string, string> = load === undefined ? {} : { STOWAGE_TEST_LOAD: load };
  const { plan, session, cells } = scriptedPlan(ids, { ...rest, env });
  const outcomes = new Map<string, CellOutcome>();
  const retries: string[] = [];
  const logs = new Map<string, string | null>();
  const events: WorkerEvent[] = [];
  const told: string[] = [];
  const inFlight = await runSession({
    plan,
    session,
    queue: new ListQueue(cells),
    checkpoint: null,
    host: {
      python: "python3",
      workersDirectory: WORKER,
      extensionsDirectory: folder,
      runFolder: folder,
      gpus: [],
      cores: 2,
      memoryBytes: 2 ** 34,
      ...(groups === undefined ? {} : { groups }),
    },
    journal: toldJournal(told),
    ...(limits === undefined ? {} : { limits }),
    ...(signal === undefined ? {} : { signal }),
    onRetry: (cell, message) => retries.push(`${cell?.id ?? "load"}: ${message}`),
    onEvent(event) {
      events.push(event);
      onEvent?.(event);
    },
    onOutcome(settled, outcome, logPath) {
      assert.ok(!outcomes.has(settled.id), `${settled.id} has one outcome`);
      outcomes.set(settled.id, outcome);
      logs.set(settled.id, logPath);
      told.push(`done ${settled.id}`);
    },
  });
  return { outcomes, logs, events, retries, journal: told, folder, inFlight };
}

function toldJournal(told: string[]): SessionJournal {
  const deaths = new Map<string, number>();
  return {
    attempts: 0,
    launches: (attempt) => void told.push(`launch ${attempt}`),
    ended: () => void told.push("ended"),
    starts: ({ id }) => void told.push(`start ${id}`),
    died({ id }) {
      const count = (deaths.get(id) ?? 0) + 1;
      deaths.set(id, count);
      told.push(`died ${id}`);
      return count;
    },
  };
}

/** Cell id to status. */
export function statuses({ outcomes }: Ran): Record<string, string> {
  return Object.fromEntries([...outcomes].map(([id, { status }]) => [id, status]));
}

/** Whether a process is there and not a zombie, which only waits for its parent to look. */
export function runs(pid: number): boolean {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return !"ZX".includes(stat.charAt(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

/** Processes that have a text in their command line. */
export function processesWith(text: string): number[] {
  return Array.from(Deno.readDirSync("/proc")).flatMap(({ name }) => {
    if (!/^\d+$/.test(name) || !runs(Number(name))) return [];
    try {
      return Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(text) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}
