/** Names of generated files. */

/** DeepSpeed's configuration in a session's folder. */
export const DEEPSPEED_CONFIG_FILE = "ds_config.json";
