"""accelerate: one process, the modules of the model spread over the devices by a device map."""

from stowage_worker.session import start_session

session = start_session()  # before the imports: their time counts, and limits must be set first

import torch  # noqa: E402
from accelerate import dispatch_model, infer_auto_device_map  # noqa: E402
from accelerate.utils import get_balanced_memory  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from stowage_worker.benchmark import run_session  # noqa: E402
from stowage_worker.devices import limit_gpu  # noqa: E402
from stowage_worker.weights import empty_model, fill_random, model_options  # noqa: E402


def load(session):
    """The model with its hooks, and the device where the ids go."""
    request, strategy = session.request, session.strategy
    limit_gpu(session)
    if request["model"]["weights"] == "on-device":
        return load_on_device(request, strategy)
    options = model_options(strategy)
    if session.on_gpu:
        options["device_map"] = strategy["deviceMap"]
        options["max_memory"] = max_memory(strategy)
        options["offload_folder"] = strategy.get("offloadFolder")
    else:
        options["device_map"] = {"": "cpu"}
    model = AutoModelForCausalLM.from_pretrained(request["model"]["path"], **options)
    return model, input_device(model)


def load_on_device(request, strategy):
    """The same placement, with random weights made where they will live."""
    model = empty_model(request, strategy)
    device_map = {"": "cpu"}
    if request["device"] == "cuda":
        device_map = strategy["deviceMap"]
        if isinstance(device_map, str):
            dtype = getattr(torch, strategy["dtype"])
            device_map = named_device_map(model, device_map, max_memory(strategy), dtype)
    fill_random(model, request["seed"], device_map)
    places = set(device_map.values())
    if len(places) > 1:
        model = dispatch_model(model, device_map)
    else:
        (place,) = places
        model.to(place)  # moves only the buffers: the parameters are there
    return model, input_device(model)


def named_device_map(model, name, limits, dtype):
    """What `from_pretrained` makes of `auto`, `balanced`, `balanced_low_0` and `sequential`."""
    whole = model._no_split_modules
    if name != "sequential":
        limits = get_balanced_memory(
            model,
            max_memory=limits,
            no_split_module_classes=whole,
            dtype=dtype,
            low_zero=name == "balanced_low_0",
        )
    return infer_auto_device_map(model, limits, no_split_module_classes=whole, dtype=dtype)


def max_memory(strategy):
    """JSON has no integer keys: device indices come back from text."""
    limits = strategy.get("maxMemory")
    if limits is None:
        return None
    return {int(place) if place.isdigit() else place: size for place, size in limits.items()}


def input_device(model):
    """The first module's device; offloaded weights run on a GPU and stand on `meta` between."""
    devices = {str(place) for place in getattr(model, "hf_device_map", {}).values()}
    gpus = sorted(int(place.removeprefix("cuda:")) for place in devices - {"cpu", "disk"})
    return torch.device("cuda", gpus[0]) if gpus else next(model.parameters()).device


run_session(session, load)
