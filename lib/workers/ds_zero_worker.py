"""ZeRO-Inference: one process per device, parameters sharded and gathered layer by layer (ZeRO stage 3)."""

from stowage_worker.session import start_session

session = start_session()  # before the imports: their time counts, and limits must be set first

import deepspeed  # noqa: E402
import torch  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402
from transformers.integrations import HfDeepSpeedConfig  # noqa: E402

from stowage_worker.benchmark import run_session  # noqa: E402


def load(session):
    """The model whose parameters DeepSpeed gathers, and the device where the ids go."""
    request, strategy = session.request, session.strategy
    device = torch.device("cuda", session.local_rank) if session.on_gpu else torch.device("cpu")
    if session.on_gpu:
        torch.cuda.set_device(device)
    deepspeed.init_distributed("nccl" if session.on_gpu else "gloo")

    config = request["deepspeedConfig"]
    # While this object lives, from_pretrained builds the model inside deepspeed.zero.Init: sharded from the start.
    session.kept_alive.append(HfDeepSpeedConfig(config))
    options = {
        "dtype": getattr(torch, strategy["dtype"]),
        "attn_implementation": strategy["attention"],
    }
    if request["model"]["weights"] == "on-device":
        torch.manual_seed(request["seed"])
        values = dict(request["model"]["config"])
        shape = AutoConfig.for_model(values.pop("model_type"), **values)
        model = AutoModelForCausalLM.from_config(shape, **options)
    else:
        model = AutoModelForCausalLM.from_pretrained(request["model"]["path"], **options)

    engine = deepspeed.initialize(model=model, config=config)[0]
    session.kept_alive.append(engine)
    return engine.module, device


run_session(session, load)
torch.distributed.destroy_process_group()
