import { it } from 'vitest';
import { nn, optim, type Tensor } from '../../src/index.js';
import { expectSameTraining, recorded } from '../helpers/trained.js';

class Cnn extends nn.Module {
  readonly stem = new nn.Sequential(
    new nn.Conv2d(2, 4, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(4),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
  );
  readonly conv1 = new nn.Conv2d(4, 6, 3, { stride: 2, padding: 1, bias: false });
  readonly bn1 = new nn.BatchNorm2d(6);
  readonly shortcut = new nn.Conv2d(4, 6, 1, { stride: 2 });
  readonly head = new nn.Linear(6, 3);

  forward(x: Tensor): Tensor {
    const y = this.stem.call(x);
    const z = this.bn1.call(this.conv1.call(y)).add(this.shortcut.call(y)).gelu();
    return this.head.call(z.adaptiveAvgPool2d(1).flatten(1));
  }
}

it('a residual CNN with batch norm trains as in PyTorch: AdamW, cosine, running statistics', async () => {
  const fixture = await recorded('cnn');
  const model = new Cnn().to('f64');
  model.loadStateDict(fixture.state('init'));
  const optimizer = new optim.AdamW(model.parameters(), { lr: 0.02, weightDecay: 0.05 });
  expectSameTraining({ model, optimizer, schedule: new optim.CosineAnnealingLR(optimizer, { tMax: 10 }) }, fixture);
});
