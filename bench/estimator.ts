/** accelerate's memory estimator on a model of BLOOM-176B's shape, for comparison. */
import { measure, summary } from "./processes.ts";

/** What `accelerate estimate-memory` does once it has a model: sizes of all modules on the meta device. */
const ESTIMATOR = `
import time
from accelerate import init_empty_weights
from accelerate.utils import calculate_maximum_sizes
from transformers import BloomConfig, BloomForCausalLM
start = time.perf_counter()
config = BloomConfig(vocab_size=250880, hidden_size=14336, n_layer=70, n_head=112)
with init_empty_weights():
    model = BloomForCausalLM(config)
calculate_maximum_sizes(model)
print(time.perf_counter() - start)
`;

/** A line with the time of the estimate, and of the whole process of the Python at a path. */
export async function estimatorTime(python: string): Promise<string> {
  const { seconds, stdout } = await measure(["-c", ESTIMATOR], 2, python);
  const milliseconds = (1000 * Number(stdout)).toFixed(0);
  return `accelerate's estimator      ${milliseconds} ms, whole process ${summary(seconds)}`;
}
