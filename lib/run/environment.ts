/** The Python environment of a run. */
export { detectVersions } from "./environment/detect.ts";
export { extensionVariables } from "./environment/extensions.ts";
export { prepareEnvironment } from "./environment/prepare.ts";
export type { EnvironmentRequest, PythonEnvironment } from "./environment/types.ts";
