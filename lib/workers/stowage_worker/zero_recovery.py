"""Brings ZeRO-3 back to where it stands between two passes, after an allocation failed in the middle of one.

The library has no way to say so: a pass that raises leaves parameters gathered, handles of gathers that nobody will wait
for, a trace that is half recorded, and modules that are taken to be in their forward pass. Every part that
`deepspeed/runtime/zero` changes during a forward pass is put back here, by name; where a release has other names, an
AttributeError says so and the session ends as it would without this. Read for DeepSpeed 0.19.8:
parameter_offload.py (hooks, FWD_MODULE_STACK, ZeROOrderedDict), partitioned_param_coordinator.py, partition_parameters.py.
"""

import datetime

import torch

AGREE_SECONDS = 4


class RanksDisagree(RuntimeError):
    """A rank has taken part in a collective that another one has not: nothing can be gathered any more."""


class ZeroRecovery:
    """Called on every rank, or the ranks wait for each other until the engine ends them."""

    def __init__(self, engine) -> None:
        self._engine = engine
        self._count = 0

    def __call__(self) -> None:
        model = self._engine.module
        params = list(model.parameters())
        self._agree(params)
        self._reset_hooks(model)
        self._release(model, params)

    def _agree(self, params) -> None:
        """Compares how many collectives each rank has begun, by the store, which needs none."""
        self._count += 1
        distributed = torch.distributed
        groups = [distributed.group.WORLD, *{id(p.ds_process_group): p.ds_process_group for p in params}.values()]
        begun = ",".join(str(group._get_sequence_number_for_group()) for group in groups)
        store = distributed.distributed_c10d._get_default_store()
        rank, size = distributed.get_rank(), distributed.get_world_size()
        store.set(f"stowage/recovery/{self._count}/{rank}", begun)
        keys = [f"stowage/recovery/{self._count}/{other}" for other in range(size)]
        store.wait(keys, datetime.timedelta(seconds=AGREE_SECONDS))
        found = [store.get(key).decode() for key in keys]
        if len(set(found)) > 1:
            raise RanksDisagree(f"collectives begun by each rank: {found}")

    def _reset_hooks(self, model) -> None:
        from deepspeed.runtime.zero import parameter_offload

        parameter_offload.FWD_MODULE_STACK[:] = [model]
        for module in model.modules():
            if hasattr(module._parameters, "_in_forward"):
                module._parameters._in_forward = False

    def _release(self, model, params) -> None:
        from deepspeed.runtime.zero.partition_parameters import ZeroParamStatus

        coordinator = self._engine.optimizer.get_param_coordinator()
        in_flight = model.ds_inflight_param_registry
        for param in params:
            # Marked before its buffer was allocated, which failed: there is no gather to wait for.
            if param.ds_status == ZeroParamStatus.INFLIGHT and param not in in_flight:
                param.data = torch.empty(0, dtype=param.dtype, device=param.device)
                param.ds_status = ZeroParamStatus.NOT_AVAILABLE
        coordinator.release_and_reset_all(model)
        if not coordinator.is_invalid_trace():
            coordinator._invalidate_trace()  # the next pass records a new one
