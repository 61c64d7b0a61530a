import { expect, it } from 'vitest';
import { nn, optim, type Tensor } from '../../src/index.js';
import { expectSameTraining, recorded } from '../helpers/trained.js';

class Mlp extends nn.Module {
  readonly fc1 = new nn.Linear(8, 16, { dtype: 'f64' });
  readonly fc2 = new nn.Linear(16, 3, { dtype: 'f64' });

  forward(x: Tensor): Tensor {
    return this.fc2.call(this.fc1.call(x).relu());
  }
}

it('an MLP trains as in PyTorch: ten losses, weights, momentum SGD', async () => {
  const fixture = await recorded('mlp');
  const model = new Mlp();
  expect(model.loadStateDict(fixture.state('init'))).toEqual({ missing: [], unexpected: [] });
  expectSameTraining({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.2, momentum: 0.9 }) }, fixture);
});
