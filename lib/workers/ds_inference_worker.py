"""DeepSpeed-Inference: one process per device, every layer cut over the tensor-parallel ranks."""

from stowage_worker.session import start_session

session = start_session()  # before the imports: their time counts, and limits must be set first

import deepspeed  # noqa: E402
import torch  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from stowage_worker.benchmark import run_session  # noqa: E402
from stowage_worker.checkpoint import checkpoint_files  # noqa: E402
from stowage_worker.devices import limit_gpu  # noqa: E402
from stowage_worker.ranks import join_ranks  # noqa: E402
from stowage_worker.tensor_parallel import CutModel, cuts_on_meta, shards_folder  # noqa: E402
from stowage_worker.weights import (  # noqa: E402
    empty_model,
    fill_random,
    generation_config,
    model_options,
)


def load(session):
    """The sharded model, and the device where the ids go."""
    request, strategy = session.request, session.strategy
    device = join_ranks(session)
    limit_gpu(session)
    settings = {
        "tensor_parallel": {"tp_size": session.world_size},
        "dtype": getattr(torch, strategy["dtype"]),
        "replace_with_kernel_inject": strategy["kernelInject"],
    }
    if strategy.get("maxOutTokens") is not None:
        settings["max_out_tokens"] = strategy["maxOutTokens"]
    if can_be_cut_empty(request, strategy):
        engine = cut_model(request, strategy, settings, device)
    else:
        engine = deepspeed.init_inference(whole_model(request, strategy, device), **settings)
    session.kept_alive.append(engine)
    return engine.module, device


def can_be_cut_empty(request, strategy) -> bool:
    """Whether the ranks can share a model that has no values yet: not where kernels take its values over."""
    if strategy["kernelInject"] or not cuts_on_meta():
        return False
    if reads_shards(request, strategy):
        return True
    path = request["model"]["path"]
    return session.world_size > 1 and (path is None or len(checkpoint_files(path)) > 0)


def reads_shards(request, strategy) -> bool:
    return strategy["checkpoint"] == "presharded" and request["model"]["weights"] != "on-device"


def cut_model(request, strategy, settings, device):
    """The engine of a model that is cut first and filled then: no rank ever holds more than its share and a tensor."""
    cut = CutModel(empty_model(request, strategy), settings, device)
    path = request["model"]["path"]
    if request["model"]["weights"] == "on-device":
        cut.fill_random(request["seed"])
    elif reads_shards(request, strategy):
        folder = shards_folder(path, session.world_size)
        cut.fill_from_shards(folder, session.rank, session.world_size)
        cut.model.generation_config = generation_config(folder, cut.model.config)
    else:
        cut.fill_from(path)
        cut.model.generation_config = generation_config(path, cut.model.config)
    return cut.engine


def whole_model(request, strategy, device):
    """The model before it is cut.

    From files it comes to the host where DeepSpeed is to cut it or to inject kernels, which moves it layer by layer: the
    device never holds two copies. A single rank without kernels keeps the modules, so they are loaded where they stay.
    """
    if request["model"]["weights"] == "on-device":
        model = empty_model(request, strategy)
        fill_random(model, request["seed"], {"": str(device)})
        return model.to(device)  # the buffers
    stays = session.world_size == 1 and not strategy["kernelInject"]
    place = device if stays else torch.device("cpu")
    return AutoModelForCausalLM.from_pretrained(
        request["model"]["path"], device_map={"": str(place)}, **model_options(strategy)
    )


run_session(session, load)
torch.distributed.destroy_process_group()
