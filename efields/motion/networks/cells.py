"""Memory cells of images: a convolutional GRU, a convolutional LSTM and leaky integrate-and-fire neurons."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

State = tuple[Tensor, ...]
"""What a cell carries from one bin to the next; every tensor is [b, c, h, w]."""


class ConvGRUCell(nn.Module):
    """Gated recurrent unit with convolutions (Ballas et al., ICLR 2016, equations 11 to 14)."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.gates = nn.Conv2d(inputs + channels, 2 * channels, 3, padding=1)
        self.candidate = nn.Conv2d(inputs + channels, channels, 3, padding=1)

    def forward(self, x: Float[Tensor, "b i h w"], state: State | None) -> tuple[Float[Tensor, "b c h w"], State]:
        """Output and new state from input and state; None stands for a state of zeros."""
        hidden = x.new_zeros(len(x), self.channels, *x.shape[2:]) if state is None else state[0]
        reset, update = torch.sigmoid(self.gates(torch.cat([x, hidden], dim=1))).chunk(2, dim=1)
        candidate = torch.tanh(self.candidate(torch.cat([x, reset * hidden], dim=1)))
        hidden = hidden + update * (candidate - hidden)
        return hidden, (hidden,)


class ConvLSTMCell(nn.Module):
    """Long short-term memory with convolutions (Shi et al., NeurIPS 2015, equation 3, without peepholes)."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.gates = nn.Conv2d(inputs + channels, 4 * channels, 3, padding=1)

    def forward(self, x: Float[Tensor, "b i h w"], state: State | None) -> tuple[Float[Tensor, "b c h w"], State]:
        """Output and new state from input and state; None stands for a state of zeros."""
        zeros = x.new_zeros(len(x), self.channels, *x.shape[2:])
        hidden, memory = (zeros, zeros) if state is None else state
        into, keep, out, candidate = self.gates(torch.cat([x, hidden], dim=1)).chunk(4, dim=1)
        # The forget gate starts nearly open, so that gradients reach back over the bins from the first step.
        memory = torch.sigmoid(keep + 1.0) * memory + torch.sigmoid(into) * torch.tanh(candidate)
        hidden = torch.sigmoid(out) * torch.tanh(memory)
        return hidden, (hidden, memory)


class Spike(torch.autograd.Function):
    """Heaviside step whose gradient is that of a fast sigmoid, 1 / (1 + 10 |u|)^2 (Zenke and Ganguli, 2018)."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, *arguments: Tensor) -> Tensor:
        """1 where the potential above threshold is positive, else 0."""
        (above,) = arguments
        ctx.save_for_backward(above)
        return (above > 0).to(above.dtype)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> Tensor:
        """The surrogate gradient."""
        (above,) = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        return gradients[0] / (1 + 10 * above.abs()).square()


def spike(above: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """1 where a potential is above its threshold by a positive amount, else 0, with a surrogate gradient."""
    result = Spike.apply(above)
    assert isinstance(result, Tensor)
    return result


class LIFCell(nn.Module):
    """Leaky integrate-and-fire neurons with a learnt leak and threshold a channel; spikes subtract the threshold.

    A second, leaky trace of the spikes is the output, so that what reads it sees rates (Neftci et al., 2019).
    """

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.current = nn.Conv2d(inputs, channels, 3, padding=1)
        self.recurrent = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        leaks = torch.linspace(-1.0, 2.0, channels).reshape(channels, 1, 1)
        self.leak = nn.Parameter(leaks.clone())
        """Logit of the share of the potential that is left after a bin: 0.27 to 0.88 at the start."""
        self.trace = nn.Parameter(leaks.flip(0).clone())
        """The same for the trace of spikes."""
        self.threshold = nn.Parameter(torch.full((channels, 1, 1), math.log(0.1)))
        """Logarithm of the threshold."""

    def forward(self, x: Float[Tensor, "b i h w"], state: State | None) -> tuple[Float[Tensor, "b c h w"], State]:
        """Trace of the spikes and new state (potential, spikes, trace); None stands for a state of zeros."""
        zeros = x.new_zeros(len(x), self.channels, *x.shape[2:])
        potential, spikes, trace = (zeros, zeros, zeros) if state is None else state
        threshold = self.threshold.exp()
        potential = torch.sigmoid(self.leak) * (potential - spikes * threshold)
        potential = potential + self.current(x) + self.recurrent(spikes)
        spikes = spike(potential - threshold)
        keep = torch.sigmoid(self.trace)
        trace = keep * trace + (1 - keep) * spikes
        return trace, (potential, spikes, trace)


CELLS: dict[str, type[ConvGRUCell | ConvLSTMCell | LIFCell]] = {
    "conv_gru": ConvGRUCell,
    "conv_lstm": ConvLSTMCell,
    "lif": LIFCell,
}
"""Cells by the name of the network that is made of them."""
