/** A pen for writing traces: remembers the device, so that a forward pass reads like the code it follows. */
import type { Category, OperationKind, TraceSink } from "./trace.ts";

export class Tape {
  readonly #sink: TraceSink;
  /** Where the next tensors and operations are. */
  device: number;
  /** CUDA stream whose cached blocks serve the next tensors; the pool of a captured graph counts as one. */
  stream = 0;

  constructor(sink: TraceSink, device: number) {
    this.#sink = sink;
    this.device = device;
  }

  /** Allocates `bytes` without an operation (the kernel that fills it is told by `kernel`). */
  tensor(name: string, bytes: number, category: Category = "activation"): number {
    const { device, stream } = this;
    const tensor = stream === 0
      ? { device, name, category, bytes }
      : { device, name, category, bytes, stream };
    return this.#sink.allocate(tensor);
  }

  free(...handles: readonly number[]): void {
    for (const handle of handles) this.#sink.free(handle);
  }

  /**
   * One kernel that moves `bytes` of device memory and computes `flops`.
   *
   * @param kind Products outside `matmul` are those of attention, unless it says otherwise.
   */
  kernel(
    name: string,
    bytes: number,
    flops = 0,
    kind: OperationKind = flops > 0 ? "attention" : "bytes",
  ): void {
    this.#sink.run({ device: this.device, name, kind, flops, bytes, launches: 1 });
  }

  /** One kernel of a captured graph: the host does nothing for it. */
  replayed(name: string, bytes: number, flops = 0, kind: OperationKind = "bytes"): void {
    this.#sink.run({
      device: this.device,
      name,
      kind,
      flops,
      bytes,
      launches: 1,
      isReplayed: true,
    });
  }

  /** Allocates the output of an elementwise kernel that reads `inputBytes` and writes it. */
  elementwise(name: string, outputBytes: number, inputBytes: number): number {
    const handle = this.tensor(name, outputBytes);
    this.kernel(name, inputBytes + outputBytes);
    return handle;
  }

  /** The same of a kernel that computes the places of so many elements. */
  indexed(name: string, outputBytes: number, inputBytes: number, places: number): number {
    const handle = this.tensor(name, outputBytes);
    this.kernel(name, inputBytes + outputBytes, places, "indexed");
    return handle;
  }

  /** Allocates [rows, outputs] = [rows, inputs] x [inputs, outputs] and runs the product. */
  matmul(
    name: string,
    shape: { readonly rows: number; readonly inputs: number; readonly outputs: number },
    elementBytes: number,
    category?: Category,
  ): number {
    const { rows, inputs, outputs } = shape;
    const handle = this.tensor(name, rows * outputs * elementBytes, category);
    const bytes = (rows * inputs + inputs * outputs + rows * outputs) * elementBytes;
    this.kernel(name, bytes, 2 * rows * inputs * outputs, "product");
    return handle;
  }
}
