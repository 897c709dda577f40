/**
 * The devices of the host, handed out to sessions that run side by side, so that no two of them share one. Pure.
 *
 * On GPUs that is literal: each session gets GPUs of its own. A cpu device is a worker process, which has its memory to
 * itself under its own cap and computes with one thread, so what is handed out there are cores, one a process, and never
 * more than the hardware has devices. Host memory belongs to all: what sessions are predicted to hold there must fit together.
 */

/** What a session takes of the host. */
export interface Share {
  readonly devices: number;
  /** Predicted; 0 where nothing is. */
  readonly hostBytes: number;
}

/** What was handed out. */
export interface Lease extends Share {
  /** Indices of GPUs, in the order of the host; empty on a cpu host. */
  readonly gpus: readonly number[];
}

/** One host. */
export class DevicePool {
  readonly #gpus: readonly number[] | null;
  readonly #slots: number;
  readonly #hostBytes: number;
  readonly #leases = new Set<Lease>();

  /** @param devices Indices of the GPUs; for cpu devices how many processes may run at once. */
  constructor(devices: readonly number[] | number, hostBytes: number) {
    this.#gpus = typeof devices === "number" ? null : devices;
    this.#slots = typeof devices === "number" ? devices : devices.length;
    this.#hostBytes = hostBytes;
  }

  /** Takes what a session needs; null where it is not free. The host alone can always be had by one session. */
  take(share: Share): Lease | null {
    if (this.#leases.size > 0 && !this.#hasRoom(share)) return null;
    const taken = new Set([...this.#leases].flatMap(({ gpus }) => gpus));
    const free = this.#gpus?.filter((index) => !taken.has(index)) ?? [];
    const lease = { ...share, gpus: free.slice(0, share.devices) };
    this.#leases.add(lease);
    return lease;
  }

  give(lease: Lease): void {
    this.#leases.delete(lease);
  }

  #hasRoom({ devices, hostBytes }: Share): boolean {
    const held = [...this.#leases];
    const used = held.reduce((sum, lease) => sum + lease.devices, 0);
    const heldBytes = held.reduce((sum, lease) => sum + lease.hostBytes, 0);
    return used + devices <= this.#slots && heldBytes + hostBytes <= this.#hostBytes;
  }
}
