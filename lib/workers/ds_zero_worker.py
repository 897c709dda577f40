"""ZeRO-Inference: one process per device, parameters sharded and gathered layer by layer (ZeRO stage 3)."""

from stowage_worker.session import start_session

session = start_session()  # before the imports: their time counts, and limits must be set first

import deepspeed  # noqa: E402
import torch  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402
from transformers.integrations import HfDeepSpeedConfig  # noqa: E402

from stowage_worker.benchmark import run_session  # noqa: E402
from stowage_worker.devices import limit_gpu  # noqa: E402
from stowage_worker.ranks import join_ranks  # noqa: E402
from stowage_worker.weights import (  # noqa: E402
    model_config,
    model_options,
    parameter_kinds,
    write_random,
)
from stowage_worker.zero_recovery import ZeroRecovery  # noqa: E402


def load(session):
    """The model whose parameters DeepSpeed gathers, and the device where the ids go."""
    request, strategy = session.request, session.strategy
    device = join_ranks(session)
    limit_gpu(session)
    config = request["deepspeedConfig"]
    # While this object lives, from_pretrained builds the model inside deepspeed.zero.Init: sharded from the start.
    session.kept_alive.append(HfDeepSpeedConfig(config))
    options = model_options(strategy)
    if request["model"]["weights"] == "on-device":
        model = AutoModelForCausalLM.from_config(model_config(request), **options)
        fill_gathered(model, request["seed"])
    else:
        model = AutoModelForCausalLM.from_pretrained(request["model"]["path"], **options)

    engine = deepspeed.initialize(model=model, config=config)[0]
    session.kept_alive.append(engine)
    session.recovery = ZeroRecovery(engine)
    return engine.module, device


def fill_gathered(model, seed) -> None:
    """The random weights that the other strategies make, each written into its parameter while that is gathered."""
    kinds = parameter_kinds(model)
    std = getattr(model.config, "initializer_range", 0.02)
    for name, parameter in model.named_parameters():
        # Every rank makes the same values, and the first one's count.
        with deepspeed.zero.GatheredParameters([parameter], modifier_rank=0):
            write_random(parameter.data, name, kinds[name], std, seed)


run_session(session, load)
torch.distributed.destroy_process_group()
