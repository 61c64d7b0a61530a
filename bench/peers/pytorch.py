"""PyTorch as a peer: one JSON request a line on stdin, one answer a line on stdout. Threads are set through OMP_NUM_THREADS before the start."""
import functools
import json
import math
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

import models

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
torch.manual_seed(1)

NUMPY = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64, "i8": np.int8, "u8": np.uint8}
TORCH = {"f32": torch.float32, "f64": torch.float64, "i32": torch.int32, "i64": torch.int64, "bf16": torch.bfloat16, "bool": torch.bool}


def turned(x, yes):
    return x.transpose(-1, -2) if yes else x


def reduced(op):
    return lambda o, x: op(x) if "axis" not in o else op(x, dim=o["axis"])


def conv2d(o, x, w):
    return F.conv2d(x, w, None, o["stride"], o["padding"], 1, o["groups"])


def attention(o, q, k, v):
    """Fused where this PyTorch has it (2.0), else made of products and a softmax."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=o["causal"])
    scores = q @ k.transpose(-1, -2) * (1 / math.sqrt(q.shape[-1]))
    if o["causal"]:
        length = q.shape[-2]
        scores = scores.masked_fill(torch.ones(length, length, dtype=torch.bool).triu(1), float("-inf"))
    return torch.softmax(scores, -1) @ v


UNARY = {"gelu": F.gelu, "relu": torch.relu, "silu": F.silu, "mish": F.mish, "softplus": F.softplus}

# Kinds whose option "op" is the name of a function of tensors; those of bench/cases/ops/, whose option "torch" is an expression.
NAMED = ("unary", "binary", "op")

# Other kinds that are pure functions of options and inputs.
PURE = {
    "matmul": lambda o, a, b: torch.matmul(turned(a, o.get("ta")), turned(b, o.get("tb"))),
    "linear": lambda o, x, w, b: F.linear(x, w, b),
    "conv2d": conv2d,
    "geluTanh": lambda o, x: F.gelu(x, approximate="tanh"),
    "chain": lambda o, a, b: torch.relu(a * b + a) * b,
    "cast": lambda o, x: x.to(TORCH[o["to"]]),
    "addTransposed": lambda o, a, b: a + b.t(),
    "addEverySecond": lambda o, a, b: a[:, ::2] + b[:, ::2],
    "sum": reduced(torch.sum),
    "mean": reduced(torch.mean),
    "variance": lambda o, x: torch.var(x, dim=o["axis"]),
    "softmax": lambda o, x: torch.softmax(x, -1),
    "logSoftmax": lambda o, x: torch.log_softmax(x, -1),
    "layerNorm": lambda o, x, w, b: F.layer_norm(x, w.shape, w, b),
    "batchNorm": lambda o, x, w, b: F.batch_norm(x, None, None, w, b, training=True),
    "crossEntropy": lambda o, x, y: F.cross_entropy(x, y),
    "dropout": lambda o, x: F.dropout(x, o["p"], True),
    "randn": lambda o: torch.randn(int(o["n"])),
    "rand": lambda o: torch.rand(int(o["n"])),
    "permute": lambda o, x: x.permute(o["axes"]).contiguous(),
    "cat": lambda o, *x: torch.cat(x, int(o["axis"])),
    "gather": lambda o, x, i: torch.gather(x, int(o["axis"]), i),
    "scatterAdd": lambda o, x, i, s: torch.scatter_add(x, int(o["axis"]), i, s),
    "indexSelect": lambda o, x, i: torch.index_select(x, 0, i),
    "embedding": lambda o, i, w: F.embedding(i, w),
    "cumsum": lambda o, x: torch.cumsum(x, int(o["axis"])),
    "sort": lambda o, x: torch.sort(x)[0],
    "attention": attention,
    "recurrent": models.recurrent,
    "maxPool2d": lambda o, x: F.max_pool2d(x, int(o["size"]), int(o["stride"]), int(o["padding"])),
    "avgPool2d": lambda o, x: F.avg_pool2d(x, int(o["size"]), int(o["stride"]), int(o["padding"])),
}


def optimizer(o, x):
    count = len(x) // 2
    params = x[:count]
    for p, g in zip(params, x[count:]):
        p.requires_grad_()
        p.grad = g
    name = o["name"]
    if name == "SGD":
        steps = torch.optim.SGD(params, lr=1e-3, momentum=o["momentum"], foreach=o.get("foreach"))
    else:
        steps = getattr(torch.optim, name)(params, lr=1e-3, foreach=o.get("foreach"))

    def run():
        steps.step()
        return params

    return run


def repeated(o, body):
    count = int(o["repeat"])

    def run():
        for _ in range(count):
            y = body()
        return y

    return run


def add_sum_backward(o, x):
    a, b = x
    a.requires_grad_()

    def body():
        a.grad = None
        (a + b).sum().backward()
        return a.grad

    return repeated(o, body)


def add_in_scope(o, x):
    run = repeated(o, lambda: torch.add(x[0], x[1]))

    def without_gradients():
        with torch.no_grad():
            return run()

    return without_gradients


def quantized_linear(o, x):
    weight = x[1]
    scales = weight.abs().amax(1) / 127
    packed = torch.ops.quantized.linear_prepack(
        torch.quantize_per_channel(weight, scales, torch.zeros(len(scales), dtype=torch.int64), 0, torch.qint8), None
    )
    return lambda: torch.ops.quantized.linear_dynamic(x[0], packed)


# Kinds with state: made once, then called.
STATEFUL = {
    "step": models.step,
    "optimizer": optimizer,
    "quantizedLinear": quantized_linear,
    "addInScope": add_in_scope,
    "addRecorded": lambda o, x: repeated(o, lambda a=x[0].requires_grad_(): torch.add(a, x[1])),
    "addSumBackward": add_sum_backward,
}


def op_of(kind, o):
    """What a case calls. A name is looked up once, as for chainrule."""
    if kind == "op":
        return eval("lambda *x: " + o["torch"], {"torch": torch, "F": F})  # bench/cases/ops/ has the expressions
    if kind in NAMED:
        return UNARY.get(o["op"]) or getattr(torch, o["op"])
    return functools.partial(PURE[kind], o)


def pure(case, op, x):
    if case["mode"] == "forward":

        def run():
            with torch.no_grad():
                return op(*x)

        return run
    *x, seed = x
    wrt = [x[i].requires_grad_() for i in case["wrt"]]
    if case["mode"] == "both":
        return lambda: torch.autograd.grad(op(*x), wrt, seed)
    y = op(*x)
    return lambda: torch.autograd.grad(y, wrt, seed, retain_graph=True)


def read(spec, path):
    if spec["dtype"] == "bf16":
        return torch.from_numpy(np.fromfile(path, dtype=np.int16)).view(torch.bfloat16).reshape(spec["shape"])
    values = np.fromfile(path, dtype=NUMPY[spec["dtype"]])
    return torch.from_numpy(values).reshape(spec["shape"])


def prepare(request):
    case = request["case"]
    kind = case["kind"]
    if kind not in PURE and kind not in STATEFUL and kind not in NAMED:
        return None, {"skip": "PyTorch's peer has no " + kind}
    x = [read(spec, os.path.join(request["folder"], "input%d.bin" % i)) for i, spec in enumerate(case["inputs"])]
    run = STATEFUL[kind](case["options"], x) if kind in STATEFUL else pure(case, op_of(kind, case["options"]), x)
    y = run()
    results = [y] if isinstance(y, torch.Tensor) else y
    with open(request["result"], "wb") as file:
        for one in results:
            file.write(one.detach().to(torch.float32).contiguous().numpy().tobytes())
    del y, results
    first = milliseconds(run, 1)
    if first < 50:
        first = milliseconds(run, max(1, min(2000, round(20 / first))))
    return run, {"ms": first}


def milliseconds(run, calls):
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) * 1000 / calls


def warm_up(run, ms):
    end = time.perf_counter() + ms / 1000
    while time.perf_counter() < end:
        run()


def main():
    run = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "hello":
                answer = {"version": torch.__version__}
            elif request["do"] == "prepare":
                run = None
                run, answer = prepare(request)
            elif request["do"] == "time":
                warm_up(run, request["warm"])
                answer = {"ms": milliseconds(run, request["calls"])}
            else:
                answer = {"error": "unknown request"}
        except Exception as error:  # the driver decides what to do about it
            answer = {"error": "%s: %s" % (type(error).__name__, error)}
        print(json.dumps(answer), flush=True)


main()
