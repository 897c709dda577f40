"""DeepSpeed-Inference: one process per device, every layer cut over the tensor-parallel ranks."""

from stowage_worker.session import start_session

session = start_session()  # before the imports: their time counts, and limits must be set first

import deepspeed  # noqa: E402
import torch  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

from stowage_worker.benchmark import run_session  # noqa: E402


def load(session):
    """The sharded model, and the device where the ids go."""
    request, strategy = session.request, session.strategy
    device = torch.device("cuda", session.local_rank) if session.on_gpu else torch.device("cpu")
    if session.on_gpu:
        torch.cuda.set_device(device)
    deepspeed.init_distributed("nccl" if session.on_gpu else "gloo")

    dtype = getattr(torch, strategy["dtype"])
    options = {"dtype": dtype, "attn_implementation": strategy["attention"]}
    if request["model"]["weights"] == "on-device":
        torch.manual_seed(request["seed"])
        values = dict(request["model"]["config"])
        config = AutoConfig.for_model(values.pop("model_type"), **values)
        with device:
            model = AutoModelForCausalLM.from_config(config, **options)
    else:
        # Every rank loads the whole model on the host, then keeps its part.
        model = AutoModelForCausalLM.from_pretrained(request["model"]["path"], **options)

    settings = {
        "tensor_parallel": {"tp_size": session.world_size},
        "dtype": dtype,
        "replace_with_kernel_inject": strategy["kernelInject"],
    }
    if strategy.get("maxOutTokens") is not None:
        settings["max_out_tokens"] = strategy["maxOutTokens"]
    engine = deepspeed.init_inference(model, **settings)
    session.kept_alive.append(engine)
    return engine.module, device


run_session(session, load)
torch.distributed.destroy_process_group()
