/** STW901: a failure that no other message foresaw. */
import { message } from "../diagnostic.ts";

export const unforeseen = message<{
  what: string;
  version: string;
  platform: string;
  argv: readonly string[];
}>({
  code: "STW901",
  title: "A bug of Stowage",
  explanation:
    "Something happened that Stowage does not expect: what it met is no mistake of the pipeline and no failure of the host that " +
    "it knows. The command ends with exit code 101. With --debug it shows where it happened; please report that, " +
    "with the arguments and the pipeline file, if it may be shown.",
  message: ({ what }) => what,
  help: ({ version, platform, argv }) =>
    `This is a bug of Stowage; please report it with these lines:\n` +
    `stowage ${version}, ${platform}\narguments: ${JSON.stringify(argv)}`,
});
