"""What ZeRO-3 gathers and drops on the first of two ranks, call by call, over several forward passes.

Run with: DS_ACCELERATOR=cpu LOCAL_SIZE=2 torchrun --nproc_per_node 2 zero_gathers.py REQUEST, a file of JSON with a list
of cases: the `config` of a model, keys of `zero_optimization` as `zero`, and the number of `passes`. Rank 0 prints a JSON
line with the events of each pass of each case.
"""

import json
import sys
import weakref
from pathlib import Path

import deepspeed
import torch
from deepspeed.runtime.zero import partition_parameters as partitioning
from deepspeed.runtime.zero.partitioned_param_coordinator import (
    PartitionedParameterCoordinator as Coordinator,
)
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.integrations import HfDeepSpeedConfig
from transformers.modeling_utils import no_init_weights

REQUEST = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
events = []
flats = []  # buffers of several parameters that have not been dropped
names = {}
Handle = partitioning.AllGatherCoalescedHandle
originals = {
    "fetch": Coordinator.fetch_sub_module,
    "reset": Coordinator.reset_step,
    "gather": Coordinator._PartitionedParameterCoordinator__all_gather_params_,
    "wait": Handle.wait,
    "partition": partitioning.Init._partition_param,
}


def note(kind, what=""):
    if events:
        events[-1].append(f"{kind} {what}")


def drop_flat():
    flats.pop()
    note("free", "all")


def reset(self):
    originals["reset"](self)
    events.append([])


def fetch(self, module, forward):
    leaf = deepspeed.utils.z3_leaf_module(module)
    note("call", ",".join(sorted(names[p] for p in set(module.parameters(recurse=leaf)))))
    originals["fetch"](self, module, forward)
    # Partitioned parameters are empty; those of leaves by threshold share one element.
    whole = [name for parameter, name in names.items() if parameter.data.numel() > 1]
    note("alive", ",".join(sorted(whole + flats)))


def gather(self, params, *arguments, **options):
    started = [p for p in params if p.ds_status == partitioning.ZeroParamStatus.NOT_AVAILABLE]
    originals["gather"](self, params, *arguments, **options)
    if len(started) == 1:
        note("allocate", names[started[0]])
    elif started:
        note("allocate", "all")
        flats.append("all")
        # Dropped with its last parameter; in CPython at once.
        (handle,) = self._PartitionedParameterCoordinator__inflight_param_registry[started[0]].handles
        weakref.finalize(handle, drop_flat)


def wait(self, *arguments, **options):
    is_first = not self.complete
    originals["wait"](self, *arguments, **options)
    if is_first:
        for param in self.params:
            note("allocate", names[param])


def partition(self, param, *arguments, **options):
    was_whole = param.ds_status == partitioning.ZeroParamStatus.AVAILABLE
    originals["partition"](self, param, *arguments, **options)
    if was_whole:
        note("free", names.get(param, ""))


def run(case):
    zero = {"stage": 3, "stage3_param_persistence_threshold": 0, **case["zero"]}
    config = {"zero_optimization": zero, "train_batch_size": 2, "train_micro_batch_size_per_gpu": 1}
    kept = HfDeepSpeedConfig(config)
    values = dict(case["config"])
    shape = AutoConfig.for_model(values.pop("model_type"), **values)
    with no_init_weights():  # OPT writes into rows of parameters that are partitioned already
        model = AutoModelForCausalLM.from_config(
            shape, dtype=torch.float32, attn_implementation="eager"
        )
    model.tie_weights()
    engine = deepspeed.initialize(model=model, config=config)[0]
    engine.module.eval()
    names.clear()
    names.update({parameter: name for name, parameter in engine.module.named_parameters()})
    events.clear()
    with torch.inference_mode():
        for _ in range(case["passes"]):
            engine.module(input_ids=torch.ones((2, 4), dtype=torch.long))
    del kept
    return [list(of_pass) for of_pass in events]


def main() -> None:
    deepspeed.init_distributed("gloo")
    Coordinator.reset_step, Coordinator.fetch_sub_module = reset, fetch
    Coordinator._PartitionedParameterCoordinator__all_gather_params_ = gather
    Handle.wait, partitioning.Init._partition_param = wait, partition
    result = [run(case) for case in REQUEST]
    if torch.distributed.get_rank() == 0:
        print("RESULT " + json.dumps(result), flush=True)
    torch.distributed.destroy_process_group()


main()
