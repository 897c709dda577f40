"""A model that DeepSpeed's AutoTP cuts while it has shapes only; each rank then fills what it keeps.

AutoTP can cut parameters on `meta`: that costs nothing and says which layers are cut, and how. Cutting a model that
has its values needs the whole of it on every rank first.
"""

import json
from pathlib import Path

import deepspeed
import torch

from .checkpoint import Checkpoint, checkpoint_files, file_metadata
from .weights import parameter_kinds, random_tensor, write_random


MANIFEST = "stowage-shards.json"


def cuts_on_meta() -> bool:
    """Whether the installed DeepSpeed has layers that keep `meta` tensors and can cut any tensor as they were cut."""
    try:
        from deepspeed.module_inject.layers import TensorParallel_Layer
    except ImportError:
        return False
    return hasattr(TensorParallel_Layer, "_tp_partition")


class CutModel:
    """The engine's module with storage for this rank's share on `device`, and what each parameter came from.

    whole:   name to the shape before the cut
    sources: name to the name that the tensor has in a checkpoint; a tied head is the embedding
    """

    def __init__(self, model, settings, device) -> None:
        self.model = model
        self.device = device
        self.kinds = parameter_kinds(model)
        self.whole, self.sources = {}, {}
        first_names = {}
        for name, parameter in model.named_parameters(remove_duplicate=False):
            self.whole[name] = tuple(parameter.shape)
            self.sources[name] = first_names.setdefault(id(parameter), name)
        # DeepSpeed gives a model on meta storage without values: a second one for tied parameters, and none of the
        # values that the buffers have. Here each parameter gets its own below.
        model.to_empty = lambda **_: model
        self.engine = deepspeed.init_inference(model, **settings)
        del model.to_empty
        self._runs = {name: self._runs_of(name) for name, _ in model.named_parameters()}
        give_storage(model, device)
        model.to(device)  # the buffers

    def fill_random(self, seed: int) -> None:
        """The values that `weights.fill_random` would give the whole model: at most one whole tensor at a time."""
        std = getattr(self.model.config, "initializer_range", 0.02)

        def make(name, parameter) -> None:
            source = self.sources[name]
            arguments = (self.kinds[source], std, seed)
            if self._runs[name] is None:
                write_random(parameter.data, source, *arguments)
            else:
                shape, dtype = self.whole[name], parameter.dtype
                whole = random_tensor(source, shape, *arguments, dtype, self.device)
                self._copy(name, parameter, whole)

        self._fill(make)

    def fill_from(self, folder) -> None:
        """From an unsharded checkpoint: rows are read where they are kept, columns with the pages around them."""
        checkpoint = Checkpoint(checkpoint_files(folder))
        prefix = f"{self.model.base_model_prefix}."

        def read(name, parameter) -> None:
            source = self.sources[name]
            # Checkpoints may be of the model without its head, or with the head's own copy of a tied tensor.
            candidates = [source, name, source.removeprefix(prefix), prefix + source]
            found = next((key for key in candidates if key in checkpoint), None)
            if found is None:
                raise KeyError(f"the checkpoint has no tensor for {name}")
            tensor = checkpoint.tensor(found)
            wanted = self.whole[name]
            if tuple(tensor.shape) != wanted:
                raise ValueError(
                    f"{found} has the shape {list(tensor.shape)}, the model wants {list(wanted)}"
                )
            self._copy(name, parameter, tensor)

        self._fill(read)

    def fill_from_shards(self, folder, rank: int, ranks: int) -> None:
        """From the files that `stowage shard` cut for this rank, where they were cut as DeepSpeed cuts here."""
        manifest = read_manifest(folder, ranks)
        files = [folder / file["name"] for file in manifest["ranks"][rank]]
        for path in files:
            check_owner(path, manifest["source"]["sha256"], rank, ranks)
        checkpoint = Checkpoint(files)

        def read(name, parameter) -> None:
            entry = manifest["tensors"].get(self.sources[name])
            if entry is None or self.sources[name] not in checkpoint:
                raise KeyError(f"{folder} has no tensor for {name}")
            if tuple(entry["shape"]) != self.whole[name]:
                raise ValueError(
                    f"{folder}: {name} is {entry['shape']}, the model wants {list(self.whole[name])}"
                )
            if kept_runs(entry, rank) != self._runs[name]:
                raise ValueError(f"{folder}: {name} is cut otherwise than this DeepSpeed does")
            parameter.data.copy_(checkpoint.tensor(self.sources[name]))

        self._fill(read)

    def _fill(self, fill) -> None:
        """Fills each parameter; the part of a tied tensor that is here whole is taken from there."""
        parameters = dict(self.model.named_parameters())
        for name, parameter in parameters.items():
            source = self.sources[name]
            if source != name and self._runs.get(source, ()) is None:
                self._copy(name, parameter, parameters[source].data)
            else:
                fill(name, parameter)

    def cut_of(self, name: str):
        """(dimension, [(start, stop), ...]) of what this rank keeps, or None where it keeps all."""
        return self._runs[name]

    def _copy(self, name, parameter, whole) -> None:
        if self._runs[name] is None:
            parameter.data.copy_(whole)
            return
        dimension, runs = self._runs[name]
        place = 0
        for start, stop in runs:
            kept = parameter.data.narrow(dimension, place, stop - start)
            kept.copy_(whole.narrow(dimension, start, stop - start))
            place += stop - start

    def _runs_of(self, name):
        """What the layer does to a tensor, seen on a tensor of positions."""
        module_name, _, attribute = name.rpartition(".")
        layer = self.model.get_submodule(module_name)
        whole, held = self.whole[name], tuple(getattr(layer, attribute).shape)
        if whole == held:
            return None
        dimension = next(index for index, size in enumerate(whole) if size != held[index])
        positions = torch.arange(whole[dimension])
        matrix = positions.clone().view((-1, 1) if dimension == 0 else (1, -1))
        is_matrix = len(whole) > 1
        probes = [matrix, None if is_matrix else positions.clone()]
        layer._tp_partition(probes)
        kept = probes[0 if is_matrix else 1].flatten().tolist()
        if len(kept) != held[dimension]:
            raise RuntimeError(f"DeepSpeed keeps {list(held)} of {name}, but {len(kept)} positions")
        return dimension, runs_of(kept)


def shards_folder(path, ranks: int) -> Path:
    """The folder with shards for so many ranks: the weights themselves, or one below them."""
    path = Path(path)
    return path if (path / MANIFEST).exists() else path / f"tp-{ranks}"


def read_manifest(folder, ranks: int) -> dict:
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if manifest["tensorParallel"] != ranks:
        raise ValueError(f"{folder} is cut for {manifest['tensorParallel']} ranks, not {ranks}")
    return manifest


def check_owner(path, source: str, rank: int, ranks: int) -> None:
    """Files of all ranks have the same tensors in the same shapes: only the header tells whose a file is."""
    metadata = file_metadata(path)
    wanted = {"stowage.rank": str(rank), "stowage.ranks": str(ranks), "stowage.source": source}
    found = {key: metadata.get(key) for key in wanted}
    if found == wanted:
        return
    if found["stowage.rank"] is None:
        reason = "it does not say for which rank it was cut"
    elif found["stowage.source"] != source:
        reason = "it was cut from another checkpoint than the manifest says"
    else:
        reason = (
            f"it was cut for rank {found['stowage.rank']} of {found['stowage.ranks']}, "
            f"this is rank {rank} of {ranks}"
        )
    raise ValueError(f"STW709: {path}: {reason}")


def kept_runs(entry: dict, rank: int):
    """What the manifest says that a rank has of a tensor, as `CutModel.cut_of` says it."""
    if entry["dimension"] is None:
        return None
    start = sum(entry["sizes"][:rank])
    size = entry["sizes"][rank]
    return entry["dimension"], [(start, start + size)] if size > 0 else []


def runs_of(positions) -> list:
    """Consecutive positions as (start, stop) pairs."""
    runs = []
    for position in positions:
        if runs and runs[-1][1] == position:
            runs[-1] = (runs[-1][0], position + 1)
        else:
            runs.append((position, position + 1))
    return runs


def give_storage(model, device) -> None:
    """Replaces each parameter on `meta` by an empty one on the device; those that are one stay one."""
    made = {}
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is None or not parameter.is_meta:
                continue
            if id(parameter) not in made:
                values = torch.empty(parameter.shape, dtype=parameter.dtype, device=device)
                # Whether it asks for gradients stays as it was: PyTorch multiplies differently then.
                new = torch.nn.Parameter(values, requires_grad=parameter.requires_grad)
                made[id(parameter)] = (new, parameter)  # the old one is kept, that no other gets its id
            module._parameters[name] = made[id(parameter)][0]
