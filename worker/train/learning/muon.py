# SPDX-License-Identifier: Apache-2.0
"""Muon for matrices and convolution filters (a row an output), AdamW for all else: torch's own two, as one optimizer.

Called by the training stages that say so (recipe.StageConfig). Muon: Jordan et al. 2024; its step sizes are those of
Liu et al. 2025 ("match_rms_adamw"), so that a rate means what it means to AdamW. torch.optim.Muon takes matrices only.
Invariant: a filter's matrix is a view of the filter, so that whoever copies weights into the nets moves it too.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

LEAST_ROWS, LEAST_COLUMNS = 8, 16  # smaller than that it is hardly a matrix


def is_matrix(parameter: Tensor) -> bool:
    """Whether rows (outputs) stand for mixtures of inputs: not biases, gains, and filters of one channel each."""
    return (parameter.ndim >= 2 and parameter.shape[0] >= LEAST_ROWS and parameter[0].numel() >= LEAST_COLUMNS
            and not (parameter.ndim == 4 and parameter.shape[1] == 1))


class Muon:
    """As much of torch.optim.Optimizer as a stage needs; betas are AdamW's. groups: of parameters, as there, or one
    list of parameters."""

    def __init__(self, groups: Iterable, lr: float, betas: tuple[float, float] = (0.9, 0.98),
                 weight_decay: float = 1e-3) -> None:
        groups = [group if isinstance(group, dict) else {"params": [group]} for group in groups]
        self._views = {parameter: nn.Parameter(parameter.detach().flatten(1))
                       for group in groups for parameter in group["params"] if is_matrix(parameter)}
        matrices = _with(groups, lambda params: [self._views[one] for one in params if one in self._views])
        others = _with(groups, lambda params: [one for one in params if one not in self._views])
        self._parts = {}
        if matrices:
            self._parts["muon"] = torch.optim.Muon(matrices, lr=lr, weight_decay=weight_decay,
                                                   adjust_lr_fn="match_rms_adamw")
        if others:
            self._parts["adamw"] = torch.optim.AdamW(others, lr=lr, betas=betas, weight_decay=weight_decay)

    @property
    def param_groups(self) -> list[dict]:
        return [group for part in self._parts.values() for group in part.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        for part in self._parts.values():
            part.zero_grad(set_to_none)
        for parameter in self._views:
            parameter.grad = None

    def step(self) -> None:
        """One step along the gradients that are there."""
        for parameter, matrix in self._views.items():
            matrix.grad = None if parameter.grad is None else parameter.grad.flatten(1)
        for part in self._parts.values():
            part.step()

    def state_dict(self) -> dict[str, dict]:
        return {name: part.state_dict() for name, part in self._parts.items()}

    def load_state_dict(self, state: dict[str, dict]) -> None:
        for name, part in self._parts.items():
            part.load_state_dict(state[name])


def _with(groups: list[dict], choose: Callable[[list[Tensor]], list[Tensor]]) -> list[dict]:
    """The groups with the parameters chosen of theirs, without those that are then empty."""
    made = [{**group, "params": choose(group["params"])} for group in groups]
    return [group for group in made if group["params"]]
