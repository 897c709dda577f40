/** Serves the sessions of a run: one after the other, or side by side where the pipeline allows it and devices are free. */
import { type Diagnostic, DiagnosticError } from "../diagnostics/diagnostic.ts";
import type { Plan, PlanCell, PlanSession } from "../plan/plan.ts";
import { DevicePool, type Lease, type Share } from "./device_pool.ts";
import { isCpu } from "./host.ts";
import { serveOne, type Service } from "./serve.ts";

/** A session with what is to run of it. */
interface Task {
  readonly session: PlanSession;
  readonly cells: readonly PlanCell[];
  readonly share: Share;
}

/**
 * Serves them all, or until the signal, in the order of the plan; a session that finds no room lets later ones pass.
 *
 * @returns What went wrong beside the cells.
 */
export async function serveSessions(service: Service): Promise<Diagnostic[]> {
  const { plan, options } = service;
  const most = plan.execution?.sessions ?? 1;
  const pool = poolOf(service);
  const waiting = tasksOf(service);
  const running = new Set<Promise<void>>();
  const warnings: Diagnostic[] = [];
  const failures: unknown[] = [];
  // A journal that cannot be written ends all sessions, not just the one that found out.
  const failed = new AbortController();
  const signal = AbortSignal.any([
    failed.signal,
    ...(options.signal === undefined ? [] : [options.signal]),
  ]);

  async function serve({ session, cells }: Task, lease: Lease): Promise<void> {
    const host = { ...service.host, gpus: lease.gpus };
    try {
      warnings.push(
        ...await serveOne({ ...service, host, options: { ...options, signal } }, session, cells),
      );
    } catch (error) {
      failures.push(error);
      failed.abort();
    } finally {
      pool.give(lease);
      options.onProgress?.({ kind: "session-ended", session });
    }
  }
  function start(): void {
    for (let at = 0; at < waiting.length && running.size < most && !signal.aborted;) {
      const task = waiting[at];
      const lease = task === undefined ? null : pool.take(task.share);
      if (task === undefined || lease === null) {
        at += 1;
        continue;
      }
      waiting.splice(at, 1);
      const serving = serve(task, lease).finally(() => running.delete(serving));
      running.add(serving);
    }
  }
  for (start(); running.size > 0; start()) await Promise.race(running);
  if (failures.length > 0) {
    const known = failures.find((error) => error instanceof DiagnosticError);
    throw known ?? failures[0];
  }
  return warnings;
}

function tasksOf({ plan, cells }: Service): Task[] {
  const wanted = new Map(cells.map((cell) => [cell.id, cell]));
  return plan.sessions.flatMap((session): Task[] => {
    const toRun = session.cellIds.flatMap((id) => wanted.get(id) ?? []);
    const share = { devices: devicesOf(session, plan), hostBytes: hostNeed(toRun) };
    return toRun.length === 0 ? [] : [{ session, cells: toRun, share }];
  });
}

/** Devices that a session takes of one host; a plan of an earlier version says only how many ranks it has. */
export function devicesOf({ devices, worldSize }: PlanSession, { hardware }: Plan): number {
  return devices ?? (worldSize > 1 ? worldSize : hardware.devices.count);
}

function hostNeed(cells: readonly PlanCell[]): number {
  return Math.max(0, ...cells.map(({ prediction }) => prediction.hosts[0]?.peakBytes.high ?? 0));
}

/** The devices that this host has for a plan. */
export function poolOf({ plan, host }: Pick<Service, "plan" | "host">): DevicePool {
  const bytes = Math.min(plan.budget.hostBytes ?? Infinity, host.memoryBytes);
  const devices = isCpu(plan.hardware)
    ? Math.min(plan.hardware.devices.count, host.cores)
    : host.gpus;
  return new DevicePool(devices, bytes);
}
