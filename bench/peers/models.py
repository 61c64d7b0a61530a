"""The models of models.ts in PyTorch, parameters in the same order."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


def mlp():
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(3136, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


class ResidualBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.shortcut(x))


class ResNet18(nn.Module):
    def __init__(self):
        super().__init__()
        layers, inputs = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()], 64
        for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            layers += [ResidualBlock(inputs, outputs, stride), ResidualBlock(outputs, outputs, 1)]
            inputs = outputs
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(512, 10)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.recurrent = nn.LSTM(256, 256, 2, batch_first=True)
        self.head = nn.Linear(256, 65)

    def forward(self, x):
        return self.head(self.recurrent(x)[0])


class Attention(nn.Module):
    def __init__(self, d, heads, causal):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv = nn.Linear(d, 3 * d)
        self.out = nn.Linear(d, d)

    def forward(self, x):
        batch, length, d = x.shape
        q, k, v = [t.view(batch, length, self.heads, d // self.heads).transpose(1, 2) for t in self.qkv(x).split(d, 2)]
        if hasattr(F, "scaled_dot_product_attention"):
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        else:
            scores = q @ k.transpose(-1, -2) / math.sqrt(d // self.heads)
            if self.causal:
                scores = scores.masked_fill(torch.ones(length, length, dtype=torch.bool).triu(1), float("-inf"))
            mixed = scores.softmax(-1) @ v
        return self.out(mixed.transpose(1, 2).reshape(batch, length, d))


class TransformerBlock(nn.Module):
    def __init__(self, d, heads, causal):
        super().__init__()
        self.norm1 = nn.LayerNorm(d)
        self.attention = Attention(d, heads, causal)
        self.norm2 = nn.LayerNorm(d)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(65, 256)
        self.positions = nn.Embedding(128, 256)
        self.blocks = nn.Sequential(*[TransformerBlock(256, 4, True) for _ in range(4)])
        self.norm = nn.LayerNorm(256)
        self.head = nn.Linear(256, 65, bias=False)

    def forward(self, index):
        x = self.tokens(index) + self.positions(torch.arange(index.shape[1]))
        return self.head(self.norm(self.blocks(x)))


def bert():
    return nn.Sequential(TransformerBlock(768, 12, False), TransformerBlock(768, 12, False))


MODELS = {"mlp": mlp, "cnn": cnn, "resnet18": ResNet18, "lstm": Lstm, "gpt": Gpt, "bert": bert}


def step(o, inputs):
    """Training steps; see step in models.ts."""
    model = MODELS[o["model"]]()
    x, rest = inputs[0], inputs[1:]
    y = rest[0] if o["labels"] else None
    with torch.no_grad():
        for p, values in zip(model.parameters(), rest[1:] if o["labels"] else rest, strict=True):
            p.copy_(values)
    optimizer = None
    if o["optimizer"] == "Adam":
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    elif o["optimizer"] == "SGD":
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def once():
        model.zero_grad(set_to_none=True)
        out = model(x)
        loss = (out**2).mean() if y is None else F.cross_entropy(out.reshape(-1, out.shape[-1]), y.reshape(-1))
        loss.backward()
        if optimizer is not None:
            optimizer.step()
        return loss.detach()

    warm = []

    def run():
        if not warm:
            once()
            once()
            warm.append(True)
        return once()

    return run


def recurrent(o, x, *weights):
    """Layers of an LSTM or a GRU, batch first."""
    states = [torch.zeros(o["layers"], x.shape[0], o["hidden"])] * (2 if o["cell"] == "lstm" else 1)
    run = getattr(torch._VF, o["cell"])
    return run(x, states if o["cell"] == "lstm" else states[0], weights, True, o["layers"], 0.0, False, False, True)[0]
