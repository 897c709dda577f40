/** What `explain` says of the behaviours of libraries. */
import { type Behaviour, rangeText } from "../catalog/behaviours.ts";
import { type Block, renderText } from "./document.ts";
import { columnsOf } from "./table.ts";

/** One behaviour in full. */
export function renderBehaviour(behaviour: Behaviour): string {
  return renderText([
    { kind: "title", text: `${behaviour.name}: ${behaviour.title}` },
    { kind: "paragraph", text: behaviour.description },
    {
      kind: "facts",
      facts: [
        ["versions", rangeText(behaviour)],
        ["strategies", behaviour.strategies.join(", ")],
        ["source", behaviour.source],
      ],
    },
  ]);
}

/** The behaviours that a cell's prediction rests on, one a line. */
export function behaviourBlocks(behaviours: readonly Behaviour[]): Block[] {
  if (behaviours.length === 0) return [];
  const columns = columnsOf(["name", "what it does", "versions"], 3);
  const rows = behaviours.map((behaviour) => [
    behaviour.name,
    behaviour.title,
    rangeText(behaviour),
  ]);
  return [
    { kind: "heading", text: "What these library versions do" },
    { kind: "table", table: { columns, rows } },
  ];
}
