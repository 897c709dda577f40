/**
 * PyTorch's operators as a forward pass calls them: each allocates what its kernel allocates, temporaries
 * included, for CPU or CUDA. Sizes are in bytes unless named otherwise.
 */
import { Tape } from "../trace/tape.ts";
import type { Category, OperationKind, TraceSink } from "../trace/trace.ts";
import type { BiasApart } from "./family.ts";
import type { Runtime } from "./runtime.ts";

/** `_getWorkspaceSize` of ATen/cuda/CUDABlas.cpp: what cublasLt takes for products with a bias, and keeps. */
const CUBLASLT_WORKSPACE_BYTES = 2 ** 20;

/** A tensor with what is needed to copy it to another device. */
export interface Placed {
  readonly handle: number;
  readonly device: number;
  readonly bytes: number;
}

/** Rows, inputs and outputs of a product. */
export interface ProductShape {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
  /** Whether the program multiplies a matrix of [rows, inputs], and not a stack of them. @default false */
  readonly isMatrix?: boolean;
}

export class Torch extends Tape {
  readonly runtime: Runtime;
  readonly #sink: TraceSink;
  readonly #workspaces = new Set<string>();
  /** See `Execution.biasApart`. */
  biasApart: BiasApart = "none";

  constructor(sink: TraceSink, runtime: Runtime) {
    super(sink, 0);
    this.#sink = sink;
    this.runtime = runtime;
  }

  /** A step of an elementwise chain: the new value exists before the name lets go of the old one. */
  rebind(old: number, name: string, bytes: number, inputBytes = bytes): number {
    const value = this.elementwise(name, bytes, inputBytes);
    this.free(old);
    return value;
  }

  /**
   * A kernel whose operands do not lie alike, such as a mask or a copy of heads that lie by tokens: the place of each
   * element is computed.
   */
  override indexed(
    name: string,
    bytes: number,
    inputBytes = bytes,
    places = this.#elements(bytes),
  ): number {
    return super.indexed(name, bytes, inputBytes, places);
  }

  /** A step of an elementwise chain that is such a kernel. */
  rebindIndexed(old: number, name: string, bytes: number, inputBytes = bytes): number {
    const value = this.indexed(name, bytes, inputBytes);
    this.free(old);
    return value;
  }

  /**
   * `torch.cat` into `bytes` that are allocated (ATen/native/cuda/Shape.cu). Parts that lie in one piece are copied in
   * vectors of 16 bytes; along the last dimension their elements have no common place any more. Where one of them is
   * `strided`, a kernel with 1,024 threads a processor moves one element in each at a time, half as many as others.
   */
  cat(name: string, bytes: number, parts: "whole" | "along the last dimension" | "strided"): void {
    const isOneByOne = this.runtime.behaviours.has("cat-moves-single-elements");
    const asIf = isOneByOne ? "strided" : parts;
    if (asIf === "whole") this.kernel(name, 2 * bytes);
    else {
      const places = this.#elements(bytes) * (asIf === "strided" ? 2 : 1);
      this.kernel(name, 2 * bytes, places, "indexed");
    }
  }

  /** A step of a chain that concatenates strided parts. */
  rebindCat(old: number, name: string, bytes: number): number {
    const value = this.tensor(name, bytes);
    this.cat(name, bytes, "strided");
    this.free(old);
    return value;
  }

  /** Elements of the model's dtype. */
  #elements(bytes: number): number {
    return bytes / this.runtime.elementBytes;
  }

  /**
   * An elementwise kernel whose operands differ in dtype. CUDA converts while it reads; on a CPU each operand that is
   * not of the result's dtype is converted first, into `convertedBytes`.
   */
  mixed(name: string, bytes: number, inputBytes: number, convertedBytes: number): number {
    const converted = this.runtime.deviceType === "cpu"
      ? this.elementwise(`${name}.converted`, convertedBytes, inputBytes)
      : undefined;
    const value = this.elementwise(name, bytes, inputBytes);
    if (converted !== undefined) this.free(converted);
    return value;
  }

  /** A change of dtype; nothing where it is the same. */
  cast(tensor: number, name: string, bytes: number, fromBytes: number): number {
    return bytes === fromBytes ? tensor : this.rebind(tensor, name, bytes, fromBytes);
  }

  /** `F.layer_norm`: the kernel also returns mean and reciprocal deviation of each row, which nobody keeps. */
  layerNorm(name: string, rows: number, bytes: number): number {
    const { deviceType, elementBytes } = this.runtime;
    const statistics = rows * (deviceType === "cpu" ? elementBytes : 4);
    const output = this.elementwise(name, bytes, bytes);
    const mean = this.tensor("layer_norm.mean", statistics);
    const deviation = this.tensor("layer_norm.rstd", statistics);
    this.free(mean, deviation);
    return output;
  }

  /** RMS norm of [rows, size] in float32, as the modules of Llama and its relatives write it. */
  rmsNorm(name: string, rows: number, size: number): number {
    const { elementBytes } = this.runtime;
    const bytes = rows * size * elementBytes;
    const float = rows * size * 4;
    const converted = elementBytes === 4
      ? undefined
      : this.indexed("norm.float32", float, bytes, rows * size);
    const squares = this.elementwise("norm.squares", float, float);
    const variance = this.elementwise("norm.variance", rows * 4, float);
    this.free(squares);
    const shifted = this.elementwise("norm.shifted", rows * 4, rows * 4);
    const factor = this.rebind(shifted, "norm.factor", rows * 4);
    const normed = this.indexed("norm.normed", float, float, rows * size);
    this.free(factor);
    if (converted !== undefined) this.free(converted);
    const half = elementBytes === 4 ? undefined : this.elementwise("norm.cast", bytes, float);
    const output = this.indexed(name, bytes, bytes, rows * size);
    if (half !== undefined) this.free(half);
    this.free(normed, variance);
    return output;
  }

  /** `F.linear` with a bias, which CUDA adds in the product. */
  linear(name: string, shape: ProductShape, category?: Category): number {
    const output = this.matmul(name, shape, this.runtime.elementBytes, category);
    this.#takeWorkspace("cuBLAS workspace", this.runtime.cublasWorkspaceBytes);
    if (this.#addsBiasApart(shape)) {
      const places = shape.rows * shape.outputs;
      this.kernel(`${name}.bias`, 2 * places * this.runtime.elementBytes, places, "indexed");
    } else this.#takeWorkspace("cuBLASLt workspace", CUBLASLT_WORKSPACE_BYTES);
    return output;
  }

  #addsBiasApart({ isMatrix = false }: ProductShape): boolean {
    return this.biasApart === "all" || this.biasApart === "beyond-matrices" && !isMatrix;
  }

  /** `F.linear` without a bias. */
  linearWithoutBias(name: string, shape: ProductShape): number {
    const output = this.matmul(name, shape, this.runtime.elementBytes);
    this.#takeWorkspace("cuBLAS workspace", this.runtime.cublasWorkspaceBytes);
    return output;
  }

  /**
   * `F.linear` without a bias where `matmul` does not fold rows that lie apart into one matrix: a batch of products of
   * one row each, of which every one reads all weights (`should_fold` of ATen/native/LinearAlgebra.cpp).
   */
  linearByRow(name: string, { rows, inputs, outputs }: ProductShape): number {
    const { elementBytes } = this.runtime;
    const output = this.tensor(name, rows * outputs * elementBytes);
    this.#takeWorkspace("cuBLAS workspace", this.runtime.cublasWorkspaceBytes);
    const bytes = rows * (inputs + inputs * outputs + outputs) * elementBytes;
    this.kernel(name, bytes, 2 * rows * inputs * outputs, "bytes");
    return output;
  }

  /**
   * A batched product that writes `bytes` and reads `inputBytes`.
   *
   * @param kind `bytes` where a single query meets keys that are kept [size, tokens]: neighbouring threads then read
   * neighbouring tokens, and the kernel goes at the rate of memory.
   */
  bmm(
    name: string,
    bytes: number,
    inputBytes: number,
    flops: number,
    kind?: OperationKind,
  ): number {
    const output = this.tensor(name, bytes);
    this.#takeWorkspace("cuBLAS workspace", this.runtime.cublasWorkspaceBytes);
    this.kernel(name, inputBytes + bytes, flops, kind);
    return output;
  }

  /** The same added to a tensor that is copied, and so broadcast, into the result first. */
  baddbmm(
    name: string,
    bytes: number,
    inputBytes: number,
    flops: number,
    kind?: OperationKind,
  ): number {
    const output = this.tensor(name, bytes);
    const isCpu = this.runtime.deviceType === "cpu";
    // One operator, which on CUDA launches a kernel for the copy.
    if (!isCpu) this.kernel(`${name}.bias`, bytes, this.#elements(bytes), "indexed");
    this.#takeWorkspace("cuBLAS workspace", this.runtime.cublasWorkspaceBytes);
    this.kernel(name, inputBytes + (isCpu ? 3 : 2) * bytes, flops, kind);
    return output;
  }

  /**
   * `F.softmax(x, dim=-1, dtype=float32).to(x.dtype)`, and `keep` false where `x` has no other name. On CUDA a float16
   * input is converted within the kernel; a bfloat16 input, and any on a CPU, is converted to a tensor of its own first.
   */
  softmaxInFloat32(name: string, elements: number): number {
    const { elementBytes, dtype, deviceType } = this.runtime;
    const bytes = elements * elementBytes;
    if (elementBytes === 4) return this.elementwise(name, bytes, bytes);
    const inKernel = deviceType === "gpu" && dtype === "float16";
    const converted = inKernel
      ? undefined
      : this.indexed("softmax.input_float32", elements * 4, bytes, elements);
    const float = this.elementwise(
      "softmax.float32",
      elements * 4,
      inKernel ? bytes : elements * 4,
    );
    if (converted !== undefined) this.free(converted);
    return this.rebind(float, name, bytes, elements * 4);
  }

  /** A copy of what is in pageable memory of the host. */
  fromHost(name: string, bytes: number): void {
    this.#sink.run({
      device: this.device,
      name: `${name} (from the host)`,
      flops: 0,
      bytes,
      launches: 1,
      link: "host",
      linkBytes: bytes,
    });
  }

  /** accelerate's `send_to_device`: a copy of each tensor that is elsewhere, for the caller to free. */
  send(
    name: string,
    tensors: readonly Placed[],
    device: number,
    category: Category = "activation",
  ): (number | undefined)[] {
    return tensors.map((tensor) => {
      if (tensor.device === device) return undefined;
      const handle = this.#sink.allocate({
        device,
        name: `${name} (moved)`,
        category,
        bytes: tensor.bytes,
      });
      this.#sink.run({
        device,
        name: "send_to_device",
        flops: 0,
        bytes: tensor.bytes,
        launches: 1,
        link: "device",
        linkBytes: tensor.bytes,
      });
      return handle;
    });
  }

  /**
   * The workspace of cuBLAS on a device, taken before anything else of a cell: a process that has multiplied before has
   * it, and workers see to it that the first cell finds it as the others do.
   */
  prepareWorkspace(device: number): void {
    this.device = device;
    this.#takeWorkspace("cuBLAS workspace", this.runtime.cublasWorkspaceBytes);
  }

  #takeWorkspace(name: string, bytes: number): void {
    if (this.runtime.cublasWorkspaceBytes === 0) return;
    const key = `${this.device} ${name}`;
    if (this.#workspaces.has(key)) return;
    this.#workspaces.add(key);
    this.#sink.allocate({ device: this.device, name, category: "workspace", bytes, lasts: true });
  }
}
