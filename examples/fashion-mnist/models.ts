import { nn, type Tensor } from 'chainrule';

/** Act 1: the listing's own network, 784-256-10 with ReLU. x [N, 784] -> [N, 10]. */
export class Mlp extends nn.Module {
  readonly fc1 = new nn.Linear(784, 256);
  readonly fc2 = new nn.Linear(256, 10);

  override forward(x: Tensor): Tensor {
    return this.fc2.call(this.fc1.call(x).relu());
  }
}

/** Two 3x3 convolutions with batch norm and a shortcut around them (He et al. 2015, arXiv:1512.03385). x [N, C, H, W] -> [N, out, H, W]. */
class Residual extends nn.Module {
  readonly conv1: nn.Conv2d;
  readonly bn1: nn.BatchNorm2d;
  readonly conv2: nn.Conv2d;
  readonly bn2: nn.BatchNorm2d;
  readonly shortcut: nn.Sequential;

  constructor(channels: number, out: number) {
    super();
    this.conv1 = new nn.Conv2d(channels, out, 3, { padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(out);
    this.conv2 = new nn.Conv2d(out, out, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(out);
    this.shortcut = new nn.Sequential(new nn.Conv2d(channels, out, 1, { bias: false }), new nn.BatchNorm2d(out));
  }

  override forward(x: Tensor): Tensor {
    const h = this.bn1.call(this.conv1.call(x)).relu();
    return this.bn2.call(this.conv2.call(h)).add(this.shortcut.call(x)).relu();
  }
}

/** Act 2: a small residual CNN. x [N, 1, 28, 28] -> [N, 10]. */
export class ResidualCnn extends nn.Module {
  readonly layers = new nn.Sequential(
    new nn.Conv2d(1, 16, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(16),
    new nn.ReLU(),
    new nn.MaxPool2d(2), // [N, 16, 14, 14]
    new Residual(16, 32),
    new nn.MaxPool2d(2), // [N, 32, 7, 7]
    new Residual(32, 64),
    new nn.AdaptiveAvgPool2d(1), // [N, 64, 1, 1]
    new nn.Flatten(),
    new nn.Linear(64, 10),
  );

  override forward(x: Tensor): Tensor {
    return this.layers.call(x);
  }
}
