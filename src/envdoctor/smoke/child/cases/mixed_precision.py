"""Training steps of a small network: gradients in float32, then automatic mixed precision with the gradient scaler.

Bound of the gradients of one step: to first order by running error analysis, layer by layer, gamma_n for each product
of n terms (Higham, Accuracy and Stability of Numerical Algorithms, 3.1 and 3.3), times 1.25 for what is of second
order. Where a number is so near zero that rounding may turn the kink of ReLU either way, both answers are right.

That the loss falls is proved by no theorem for any network, but by trial for this one: a linear map is learned by a
network wide enough for it, from weights drawn as usual (He et al., Delving Deep into Rectifiers, 2015). On 1000 seeds
each, with float16 and bfloat16 at both sizes, the loss fell to 0.05 to 0.24 of what it was; half is asked for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, List, NamedTuple, Tuple

from ..case import Case
from ..reference import exact, gamma, product
from ..strictness import heed_environment, products

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

SECOND_ORDER = 1.25
FALLEN = 0.5
RATE = 0.02
STEPS, STEPS_FULL = 30, 60


class Network(NamedTuple):
    """Two layers with a ReLU between them, an optimizer, and what is to be learned."""

    first: Any
    second: Any
    given: Any
    wanted: Any

    @property
    def parameters(self) -> List[Any]:
        """Weight and bias of the first layer, then of the second."""
        return [self.first.weight, self.first.bias, self.second.weight, self.second.bias]

    def loss(self, torch: ModuleType) -> Any:
        """Return the squared error, summed over the outputs, of an average sample."""
        out = self.second(torch.nn.functional.relu(self.first(self.given)))
        return ((out.float() - self.wanted) ** 2).sum() / self.given.shape[0]


def run(torch: ModuleType, bench: Bench) -> None:
    """Compare the gradients of one step, then train in each short type of the device."""
    heed_environment(bench)
    network = _network(torch, bench)
    with products(torch):
        gradients = torch.autograd.grad(network.loss(torch), network.parameters)
    names = ("weight of the first layer", "bias of the first layer", "weight of the second layer",
             "bias of the second layer")  # fmt: skip
    for name, got, (want, error) in zip(names, gradients, _expected(torch, network)):
        bench.check(got, want, 2.0**-24, floor=error * 2.0**24, what=f"the gradient of the {name}")

    for dtype in _types(torch, bench):
        _train(torch, bench, dtype)


def _types(torch: ModuleType, bench: Bench) -> List[Any]:
    """float16 is for GPUs; bfloat16 came to them with capability 8.0."""
    if not bench.on_gpu:
        return [torch.bfloat16]
    return [torch.float16] if (0, 0) < bench.capability < (8, 0) else [torch.float16, torch.bfloat16]


def _network(torch: ModuleType, bench: Bench) -> Network:
    samples, inputs, hidden, outputs = (256, 64, 256, 16) if bench.full else (128, 32, 64, 8)
    given = bench.normal(samples, inputs)
    wanted = product(torch, given, bench.normal(inputs, outputs)) / math.sqrt(inputs)
    layers = torch.nn.Linear(inputs, hidden).to(bench.device), torch.nn.Linear(hidden, outputs).to(bench.device)
    with torch.no_grad():
        for layer in layers:
            rows, columns = layer.weight.shape
            layer.weight.copy_(bench.normal(rows, columns) * math.sqrt(2 / columns))
            layer.bias.copy_(bench.normal(rows) * 0.1)
    return Network(*layers, given, wanted.float().to(bench.device))


def _expected(torch: ModuleType, network: Network) -> List[Tuple[Any, Any]]:
    """Return the gradient of each parameter in float64, and by how much one in float32 may differ."""
    w1, b1, w2, b2, x, t = (exact(torch, one) for one in (*network.parameters, network.given, network.wanted))
    samples = x.shape[0]

    def times(left: Any, left_error: Any, right: Any, right_error: Any) -> Tuple[Any, Any]:
        """Return a product and its error, for factors that have errors themselves."""
        error = product(torch, left_error + gamma(left.shape[1] + 2, 2.0**-24) * left.abs(), right.abs())
        return product(torch, left, right), error + product(torch, left.abs(), right_error)

    z, z_error = times(x, 0 * x, w1.t(), 0 * w1.t())
    z = z + b1
    z_error = z_error + gamma(x.shape[1] + 2, 2.0**-24) * b1.abs()
    h = z * (z > 0)
    y, y_error = times(h, z_error, w2.t(), 0 * w2.t())
    y = y + b2
    y_error = y_error + gamma(h.shape[1] + 2, 2.0**-24) * b2.abs()

    dy = (y - t) * (2 / samples)
    dy_error = (y_error + 2.0**-22 * (y.abs() + t.abs())) * (2 / samples)
    dw2, dw2_error = times(dy.t(), dy_error.t(), h, z_error)
    dh, dh_error = times(dy, dy_error, w2, 0 * w2)
    unsure = z.abs() <= SECOND_ORDER * z_error
    dz = dh * (z > 0)
    dz_error = dh_error * ((z > 0) | unsure) + dh.abs() * unsure
    dw1, dw1_error = times(dz.t(), dz_error.t(), x, 0 * x)
    summed = gamma(samples, 2.0**-24)
    db1, db1_error = dz.sum(0), (dz_error + summed * dz.abs()).sum(0)
    db2, db2_error = dy.sum(0), (dy_error + summed * dy.abs()).sum(0)
    found = ((dw1, dw1_error), (db1, db1_error), (dw2, dw2_error), (db2, db2_error))
    return [(want, SECOND_ORDER * error) for want, error in found]


def _train(torch: ModuleType, bench: Bench, dtype: Any) -> None:
    """Train from fresh weights; float16 with a gradient scaler, as it needs one."""
    network = _network(torch, bench)
    optimizer = torch.optim.SGD(network.parameters, lr=RATE)
    scaler = _scaler(torch) if dtype == torch.float16 else None
    losses = []
    for _ in range(STEPS_FULL if bench.full else STEPS):
        optimizer.zero_grad()
        with torch.autocast(bench.device.split(":")[0], dtype=dtype):
            loss = network.loss(torch)
        losses.append(loss.detach())
        if scaler is None:
            loss.backward()
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    name = str(dtype)[6:]
    fell = [float(one) for one in losses]
    bench.true(all(math.isfinite(one) for one in fell), f"the loss of training in {name} is not finite: {fell[-1]}")
    bench.true(
        fell[-1] <= FALLEN * fell[0], f"the loss of training in {name} went from {fell[0]:.3g} to {fell[-1]:.3g} only"
    )
    for parameter in network.parameters:
        bench.true(
            math.isfinite(float(parameter.detach().abs().max())), f"weights trained in {name} are not finite any more"
        )
    if scaler is not None:
        scale = scaler.get_scale()
        bench.true(
            math.isfinite(scale) and scale >= 1, f"the gradient scaler went to {scale}: nearly all steps overflowed"
        )


def _scaler(torch: ModuleType) -> Any:
    """Return a gradient scaler: torch 2.3 took it out of torch.cuda."""
    if hasattr(getattr(torch, "amp", None), "GradScaler"):
        return torch.amp.GradScaler("cuda")
    return torch.cuda.amp.GradScaler()


CASES = (
    Case("amp-training", "gradients are right, and training in mixed precision learns", "torch.amp", run, patience=2.0),
)
