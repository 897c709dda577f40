/** `explain CODE`, `explain BEHAVIOUR` and `explain FILE CELL`. */
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { unknownCell } from "../diagnostics/messages/plan.ts";
import { cellNotNamed, unknownCode } from "../diagnostics/messages/report.ts";
import { suggest } from "../diagnostics/suggest.ts";
import type { CellSpec, Pipeline } from "../language/pipeline.ts";
import type { PipelineInput } from "./input.ts";
import { talkDiagnostics } from "./failures.ts";
import { type CommonSettings, EXIT } from "./settings.ts";
import type { PlanContext } from "../plan/context.ts";
import type { PlanCell } from "../plan/plan.ts";
import type { OtherAllocator } from "./explain_view.ts";
import { isConcerned } from "../strategy/script/stand_in.ts";

/** Arguments of `explain`. */
export interface ExplainSettings extends CommonSettings {
  /** A code, the name of a behaviour, or the path of a pipeline file. */
  readonly subject: string;
  /** Id of a cell of that file. */
  readonly cell?: string;
}

/**
 * @returns 0, or 2 when the pipeline has a mistake.
 * @throws DiagnosticError for an unknown code, behaviour or cell.
 */
export function explainCommand(settings: ExplainSettings): Promise<number> {
  const { subject, cell } = settings;
  const isPath = cell !== undefined || /[./\\]/.test(subject);
  return isPath ? explainFile(settings) : explainCode(settings);
}

async function explainCode({ subject, terminal }: ExplainSettings): Promise<number> {
  const { BEHAVIOURS, findBehaviour } = await import("../catalog/behaviours.ts");
  const behaviour = findBehaviour(subject);
  if (behaviour !== undefined) {
    const { renderBehaviour } = await import("../report/behaviour_view.ts");
    terminal.write(renderBehaviour(behaviour));
    return EXIT.done;
  }
  const { findMessage, renderExplanation } = await import("../diagnostics/registry.ts");
  const { entry, suggestion: likeCode } = findMessage(subject);
  if (entry === undefined) {
    const suggestion = likeCode ?? suggest(subject, BEHAVIOURS.map(({ name }) => name));
    const hint = suggestion === undefined ? {} : { suggestion };
    throw new DiagnosticError([unknownCode({ code: subject, ...hint })]);
  }
  terminal.write(renderExplanation(entry));
  return EXIT.done;
}

async function explainFile({ subject, cell: id, terminal }: ExplainSettings): Promise<number> {
  const { readPipeline, sourceOf } = await import("./input.ts");
  const input = readPipeline(subject);
  const cell = input.parsed === undefined ? undefined : findCell(input.parsed.cells, id, subject);
  const { makePlan } = await import("./make_plan.ts");
  const { calibrationLookup } = await import("./own_calibration.ts");
  const { plan, diagnostics } = await makePlan(input, {
    calibrationOf: calibrationLookup(undefined, terminal),
  });
  const told = diagnostics.filter(({ severity }) => severity !== "info");
  talkDiagnostics(told, { terminal, source: sourceOf(input) });
  const planned = plan?.cells.find((each) => each.id === cell?.id);
  if (cell === undefined || planned === undefined) return EXIT.usage;
  const concerns = {
    versions: plan?.stack.versions ?? {},
    modelType: String(plan?.model.config["model_type"]),
    parameters: plan?.model.weights === "on-device" ? 0 : plan?.model.parameters ?? 0,
  };
  terminal.write(await explanation(input, cell, planned, concerns));
  return EXIT.done;
}

function findCell(cells: readonly CellSpec[], id: string | undefined, path: string): CellSpec {
  const ids = cells.map((cell) => cell.id);
  if (id === undefined) throw new DiagnosticError([cellNotNamed({ path, cells: ids })]);
  const cell = cells.find((each) => each.id === id);
  if (cell !== undefined) return cell;
  const suggestion = suggest(id, ids);
  const hint = suggestion === undefined ? {} : { suggestion };
  throw new DiagnosticError([unknownCell({ cell: id, ...hint })]);
}

async function explanation(
  { parsed, path }: PipelineInput,
  cell: CellSpec,
  planned: PlanCell,
  { versions, modelType, parameters }: {
    readonly versions: Readonly<Record<string, string>>;
    readonly modelType: string;
    readonly parameters: number;
  },
): Promise<string> {
  const { planContext } = await import("./make_plan.ts");
  const { phasePeaks } = await import("./phase_peaks.ts");
  const { cellDocument } = await import("./explain_view.ts");
  const { renderText } = await import("../report/document.ts");
  const groups = parsed === undefined || planned.prediction.verdict === "invalid"
    ? []
    : phasePeaks(cell, parsed.pipeline, planContext(path));
  const { peakTensors } = await import("../plan/peak_tensors.ts");
  const peaks = groups.length === 0 || parsed === undefined
    ? []
    : peakTensors(cell, parsed.pipeline, planContext(path));
  const { BEHAVIOURS, behavioursOf } = await import("../catalog/behaviours.ts");
  const { behaviourBlocks } = await import("../report/behaviour_view.ts");
  const holding = behavioursOf({ versions });
  const concerned = BEHAVIOURS.filter(({ name, strategies, modelTypes }) =>
    holding.has(name) && isConcerned(cell.strategy, strategies) &&
    (modelTypes?.includes(modelType) ?? true)
  );
  const other = parsed === undefined || groups.length === 0
    ? undefined
    : await withOtherAllocator(cell, planned, parsed.pipeline, planContext(path));
  return renderText([
    ...cellDocument(planned, groups, peaks, {
      ...(other === undefined ? {} : { other }),
      ...(holding.has("safetensors-mapped") ? { parameters } : {}),
    }),
    ...behaviourBlocks(concerned),
  ]);
}

/** The cell with the other kind of segments; undefined where no allocator of GPUs is asked. */
async function withOtherAllocator(
  cell: CellSpec,
  { strategy, prediction }: PlanCell,
  pipeline: Pipeline,
  context: PlanContext,
): Promise<OtherAllocator | undefined> {
  if (strategy.use === "script" || cell.strategy.use === "script") return undefined;
  if (prediction.devices.every(({ peakReservedBytes }) => peakReservedBytes === null)) return;
  const allocator = strategy.allocator === "expandable" ? "native" : "expandable";
  const { predictCells } = await import("../plan/predict_cells.ts");
  const changed = { ...cell, strategy: { ...cell.strategy, allocator } as const };
  const found = predictCells(pipeline, [changed], context).value?.get(cell.id);
  return found === undefined ? undefined : { allocator, prediction: found };
}
