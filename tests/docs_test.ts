/** What README.md and docs/ say: links lead somewhere, examples work, and excerpts are what the commands print. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { modelFacts } from "../lib/catalog/model_facts.ts";
import { say } from "./commands/fake_terminal.ts";
import { projectFolder } from "./commands/child.ts";
import * as stowage from "../mod.ts";

const README = join(projectFolder, "README.md");
const readme = Deno.readTextFileSync(README);
const PAGES = [
  README,
  join(projectFolder, "CONTRIBUTING.md"),
  ...Array.from(Deno.readDirSync(join(projectFolder, "docs")), ({ name }) => name)
    .filter((name) => name.endsWith(".md")).map((name) => join(projectFolder, "docs", name)),
];

/** Text between fences of a language; of those that begin with `start`, where it is given. */
function blocks(text: string, language: string, start = ""): string[] {
  return Array.from(
    text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm),
    ([, found, body = ""]) => found === language && body.startsWith(start) ? [body] : [],
  ).flat();
}

/** Names by which GitHub reaches the headings of a page. */
function anchors(text: string): ReadonlySet<string> {
  return new Set(Array.from(
    text.matchAll(/^#+ (.+)$/gm),
    ([, heading = ""]) =>
      heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-"),
  ));
}

for (const page of PAGES) {
  Deno.test(`links of ${page.slice(projectFolder.length)} lead to files and headings`, () => {
    const text = Deno.readTextFileSync(page);
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? page : join(dirname(page), path);
      assert.ok(Deno.statSync(file).isFile, target);
      if (anchor !== undefined) assert.ok(anchors(Deno.readTextFileSync(file)).has(anchor), target);
    }
  });
}

Deno.test("README.md has at most 200 lines, and counts the models of the catalog", () => {
  assert.ok(readme.trimEnd().split("\n").length <= 200);
  assert.match(readme, new RegExp(`The catalog knows ${modelFacts().length} models`));
});

Deno.test("the pipelines of README.md and docs/script.md are clean", () => {
  const [whole, ...others] = blocks(readme, "yaml");
  assert.ok(whole !== undefined && others.length === 0);
  const [script] = blocks(Deno.readTextFileSync(join(projectFolder, "docs", "script.md")), "yaml");
  const around = "model: bloom-560m\nhardware: 1x H100\n";
  for (const text of [whole, around + script]) {
    assert.deepEqual(stowage.check({ text }), []);
  }
});

Deno.test("the pipeline of README.md is planned, and its plan says what fits", async () => {
  const [text = ""] = blocks(readme, "yaml");
  const { value, diagnostics } = await stowage.plan({ text });
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(
    new Set(value?.cells.map((cell) => cell.prediction.verdict)),
    new Set(["fits", "oom"]),
  );
});

Deno.test("the program of README.md runs in a project of its own", async () => {
  const [code = ""] = blocks(readme, "ts");
  const folder = Deno.makeTempDirSync({ prefix: "stowage-docs-" });
  try {
    const imports = { "@stowage/stowage": join(projectFolder, "mod.ts") };
    Deno.writeTextFileSync(join(folder, "deno.json"), JSON.stringify({ imports }));
    Deno.writeTextFileSync(join(folder, "program.ts"), code);
    Deno.symlinkSync(join(projectFolder, "pipelines"), join(folder, "pipelines"));
    const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-read", "--ignore-env", "program.ts"],
      cwd: folder,
      env: { NO_COLOR: "1" },
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    assert.match(new TextDecoder().decode(stdout), /^accelerate\/batchSize=128 oom/m);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

/** The commands whose output README.md has an excerpt of, by the first line of the excerpt. */
const EXCERPTS: Readonly<Record<string, readonly string[]>> = {
  "Peak memory of the fullest device, in GiB": [
    "report",
    "fixtures/measurements/h200-x2-bloom-176b-36l.json",
  ],
  "ms per new token, published and predicted": ["plan", "pipelines/bloom.yaml"],
};

for (const [title, [command = "", file = ""]] of Object.entries(EXCERPTS)) {
  Deno.test(`README.md shows what ${command} prints under "${title}"`, async () => {
    const { stdout } = await say(command, join(projectFolder, file));
    const printed = stdout.slice(stdout.indexOf(`${title}\n`)).split("\n\n").slice(0, 2);
    const text = `${printed.join("\n\n")}\n`;
    const [shown = ""] = blocks(readme, "", title);
    if (Deno.env.get("UPDATE")) Deno.writeTextFileSync(README, readme.replace(shown, () => text));
    else assert.equal(shown, text);
  });
}
