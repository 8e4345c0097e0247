# SPDX-License-Identifier: Apache-2.0
"""Muon: steps for matrices and convolution filters whose singular values are all the same; AdamW for all else.

Called by the training stages that say so (runs.StageConfig). After Jordan et al., "Muon: an optimizer for hidden layers
in neural networks" (2024); step sizes after Liu et al., "Muon is scalable for LLM training" (2025), so that a rate
means what it means to AdamW. `torch.optim.Muon` takes matrices only, and our nets are mostly filters.
"""
from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor

QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's: to about 1 within five rounds from anywhere in 0..1
ROUNDS = 5
ADAMW_RMS = 0.2  # what an element of AdamW's step is about, as a share of the rate
MOMENTUM = 0.95
LEAST_ROWS, LEAST_COLUMNS = 8, 16  # smaller than that it is hardly a matrix
_QUICK = torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32  # Jordan's: directions need no more


def orthogonalised(matrices: Tensor) -> Tensor:
    """f32 or bf16 [N,R,C] -> the same directions, with singular values of about 1 (Newton-Schulz)."""
    a, b, c = QUINTIC
    turned = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if turned else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(ROUNDS):
        square = x @ x.transpose(1, 2)
        x = a * x + (b * square + c * square @ square) @ x
    return x.transpose(1, 2) if turned else x


def is_matrix(parameter: Tensor) -> bool:
    """Whether rows (outputs) stand for mixtures of inputs: not biases, gains, and filters of one channel each."""
    return (parameter.ndim >= 2 and parameter.shape[0] >= LEAST_ROWS and parameter[0].numel() >= LEAST_COLUMNS
            and not (parameter.ndim == 4 and parameter.shape[1] == 1))


class Muon(torch.optim.Optimizer):
    """Parameter groups and weight decay as torch.optim.AdamW's; betas are those of AdamW's part."""

    def __init__(self, groups: Iterable, lr: float, betas: tuple[float, float] = (0.9, 0.98),
                 weight_decay: float = 1e-3, eps: float = 1e-8):
        super().__init__(groups, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "eps": eps})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One step along the gradients that are there."""
        for group in self.param_groups:
            moving = [parameter for parameter in group["params"] if parameter.grad is not None]
            torch._foreach_mul_(moving, 1.0 - group["lr"] * group["weight_decay"])
            alike = defaultdict(list)
            for parameter in moving:
                if is_matrix(parameter):
                    ahead = self._ahead(parameter)
                    alike[ahead.shape].append((parameter, ahead))
                else:
                    self._step_other(parameter, group)
            self._step_matrices(alike, group["lr"])

    def _ahead(self, parameter: Tensor) -> Tensor:
        """The gradient with Nesterov's momentum as a matrix, one row an output."""
        state = self.state[parameter]
        if not state:
            state["mean"] = torch.zeros_like(parameter)
        state["mean"].lerp_(parameter.grad, 1.0 - MOMENTUM)
        return parameter.grad.lerp(state["mean"], MOMENTUM).flatten(1)

    @staticmethod
    def _step_matrices(alike: dict[torch.Size, list[tuple[Tensor, Tensor]]], rate: float) -> None:
        for shape, members in alike.items():
            steps = orthogonalised(torch.stack([ahead for _, ahead in members]).to(_QUICK)).float()
            for (parameter, _), step in zip(members, steps, strict=True):
                parameter.add_(step.view_as(parameter), alpha=-rate * ADAMW_RMS * math.sqrt(max(shape)))

    def _step_other(self, parameter: Tensor, group: dict) -> None:
        state, (slow, slower) = self.state[parameter], group["betas"]
        if not state:
            state.update(mean=torch.zeros_like(parameter), square=torch.zeros_like(parameter), count=0)
        state["count"] += 1
        state["mean"].lerp_(parameter.grad, 1.0 - slow)
        state["square"].mul_(slower).addcmul_(parameter.grad, parameter.grad, value=1.0 - slower)
        spread = (state["square"] / (1.0 - slower ** state["count"])).sqrt_().add_(group["eps"])
        parameter.addcdiv_(state["mean"], spread, value=-group["lr"] / (1.0 - slow ** state["count"]))
