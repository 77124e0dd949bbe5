"""Runs under a Python that has DeePMD-kit with PyTorch: the peer's loss and its gradient.

    python peer_gradient.py model.pt batch.npz loss.json out.pt

out.pt is model.pt with gradients in place of the weights, so that what reads models reads them.
"""

import json
import sys

import numpy as np
import torch


def main(model_file: str, batch_file: str, loss_file: str, out_file: str) -> None:
    from deepmd.pt.loss import EnergyStdLoss
    from deepmd.pt.model.model import get_model

    state = torch.load(model_file, weights_only=True)["model"]
    head = "model.Default."
    model = get_model(state["_extra_state"]["model_params"])
    model.load_state_dict(
        {k.removeprefix(head): v for k, v in state.items() if k != "_extra_state"}
    )
    data = np.load(batch_file)
    tensors = {k: torch.from_numpy(data[k]) for k in data.files}
    nframe, natoms = tensors["atype"].shape
    with open(loss_file) as file:
        options = json.load(file)
    loss = EnergyStdLoss(starter_learning_rate=1.0, **options)
    inputs = {
        "coord": tensors["coord"].reshape(nframe, natoms, 3).requires_grad_(),
        "atype": tensors["atype"].long(),
        "box": tensors["box"].reshape(nframe, 9),
        "fparam": None,
        "aparam": None,
    }
    label = {
        "energy": tensors["energy"].reshape(nframe, 1),
        "force": tensors["force"].reshape(nframe, natoms, 3),
        "virial": tensors["virial"].reshape(nframe, 9),
        **{f"find_{k}": 1.0 for k in ("energy", "force", "virial")},
    }
    _, value, _ = loss(
        inputs, lambda **given: model(**given, do_atomic_virial=False), label, natoms, 0.7
    )
    value.backward()
    gradients = {n: p.grad for n, p in model.named_parameters()}
    for name in [k for k in state if k.startswith(head)]:
        own = gradients.get(name.removeprefix(head))
        if own is not None:
            state[name] = own
    torch.save({"model": state, "loss": value.detach()}, out_file)
    print(repr(float(value)))


if __name__ == "__main__":
    main(*sys.argv[1:])
