/** Model, hardware and stack: from what is written to what is meant. */
import type { Diagnostic, Outcome } from "../diagnostics/diagnostic.ts";
import * as messages from "../diagnostics/messages/language_meaning.ts";
import { malformedText } from "../diagnostics/messages/language_value.ts";
import { suggest } from "../diagnostics/suggest.ts";
import type { DevicesSpec, HardwareSpec, ModelSpec, StackSpec } from "./pipeline.ts";
import type { Places } from "./places.ts";
import type { WrittenPipeline } from "./schema.ts";
import { describeValue } from "./schema_issues.ts";
import { DEVICES_PHRASE } from "./schema_values.ts";
import { isDeviceCount, looksLikeDevices, parseDevices } from "./units.ts";

/** Names of the Hugging Face hub contain a slash too, so a path has to start or end like one. */
function looksLikePath(text: string): boolean {
  return /^(\.{0,2}\/|~\/|\.\.?$)/.test(text) || text.endsWith(".json");
}

type Weights = Pick<ModelSpec, "weights" | "weightsPath">;

function normalizeWeights(written: string | undefined, places: Places): Outcome<Weights> {
  if (written === undefined) return { value: { weights: "random" }, diagnostics: [] };
  if (written === "random" || written === "on-device") {
    return { value: { weights: written }, diagnostics: [] };
  }
  if (written.includes("/") || written.startsWith(".")) {
    return { value: { weights: "files", weightsPath: written }, diagnostics: [] };
  }
  const suggestion = suggest(written, ["random", "on-device"]);
  const hint = suggestion === undefined ? {} : { suggestion };
  const parameters = { found: describeValue(written), ...hint };
  const place = places.value(["model", "weights"]);
  return { diagnostics: [messages.weightsUnclear(parameters, place)] };
}

/** A folder holds weight files, a `config.json` only says what they would be. */
function modelAtPath(path: string, name: string, weights: Weights | undefined): ModelSpec {
  const folder: Weights = path.endsWith(".json")
    ? { weights: "random" }
    : { weights: "files", weightsPath: path };
  return { name, path, ...(weights ?? folder) };
}

function lastPart(path: string): string {
  const parts = path.split("/").filter((part) => !["", ".", "..", "config.json"].includes(part));
  return parts.at(-1)?.replace(/\.json$/, "") ?? "model";
}

/** @param pipelineName Names a model whose config is written out without a name. */
export function normalizeModel(
  written: WrittenPipeline["model"],
  pipelineName: string,
  places: Places,
): Outcome<ModelSpec> {
  if (typeof written === "string") return normalizeModel({ name: written }, pipelineName, places);
  const { name, config } = written;
  const weights = normalizeWeights(written.weights, places);
  if (weights.value === undefined) return { diagnostics: weights.diagnostics };
  const given = written.weights === undefined ? undefined : weights.value;
  if (typeof config === "string") {
    return { value: modelAtPath(config, name ?? lastPart(config), given), diagnostics: [] };
  }
  if (config !== undefined) {
    return { value: { name: name ?? pipelineName, config, ...weights.value }, diagnostics: [] };
  }
  if (name === undefined) {
    return { diagnostics: [messages.modelUnclear({}, places.key(["model"]))] };
  }
  if (looksLikePath(name)) {
    return { value: modelAtPath(name, lastPart(name), given), diagnostics: [] };
  }
  return { value: { name, catalog: name, ...weights.value }, diagnostics: [] };
}

type WrittenHardware = Exclude<WrittenPipeline["hardware"], string>;

function normalizeDevices(written: NonNullable<WrittenHardware["devices"]>): DevicesSpec {
  if (typeof written === "string") return parseDevices(written);
  return {
    count: written.count,
    kind: written.kind,
    ...(written.memory === undefined ? {} : { memoryBytes: written.memory }),
    ...(written.bandwidth === undefined ? {} : { bandwidthBytesPerSecond: written.bandwidth }),
    ...(written.flops === undefined ? {} : { flops: written.flops }),
    ...(written.link === undefined ? {} : { linkBytesPerSecond: written.link }),
  };
}

/** Text with a count in front is devices, any other text is a node of the catalog. */
export function normalizeHardware(
  written: WrittenPipeline["hardware"],
  places: Places,
): Outcome<HardwareSpec> {
  if (typeof written === "string") {
    if (!looksLikeDevices(written)) {
      return { value: { nodes: 1, catalog: written }, diagnostics: [] };
    }
    if (!isDeviceCount(written)) {
      const found = describeValue(written);
      const parameters = { where: "hardware", found, expected: DEVICES_PHRASE };
      return { diagnostics: [malformedText(parameters, places.value(["hardware"]))] };
    }
    return { value: { nodes: 1, devices: parseDevices(written) }, diagnostics: [] };
  }
  const { name, nodes, devices, memory, disk } = written;
  const diagnostics: Diagnostic[] = [];
  const mixed = (["devices", "memory", "disk"] as const).filter((key) =>
    written[key] !== undefined
  );
  if (name !== undefined && mixed.length > 0) {
    const place = places.key(["hardware", mixed[0] ?? ""]);
    diagnostics.push(messages.hardwareMixed({ keys: mixed }, place));
  }
  if (name === undefined && devices === undefined) {
    diagnostics.push(messages.hardwareUnclear({}, places.key(["hardware"])));
  }
  if (diagnostics.length > 0) return { diagnostics };
  const value: HardwareSpec = {
    nodes,
    ...(name === undefined ? {} : { catalog: name }),
    ...(devices === undefined ? {} : { devices: normalizeDevices(devices) }),
    ...(memory === undefined ? {} : { memoryBytes: memory }),
    ...(disk === undefined ? {} : { diskBytesPerSecond: disk }),
  };
  return { value, diagnostics };
}

/** A text names a stack of the catalog. */
export function normalizeStack(written: WrittenPipeline["stack"]): StackSpec {
  return typeof written === "string" ? { name: written } : { versions: written };
}
