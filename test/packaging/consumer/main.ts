// Compiled, not run: the declarations in the tarball are complete and say what they should.
import { type Tensor, crossEntropy, nn, optim, tensor } from 'chainrule';

class Classifier extends nn.Module {
  readonly hidden = new nn.Linear(4, 8);
  readonly output = new nn.Linear(8, 3);

  override forward(x: Tensor): Tensor {
    return this.output.call(this.hidden.call(x).relu());
  }
}

const model = new Classifier();
const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3 });

export async function step(x: Tensor, labels: Tensor): Promise<number> {
  optimizer.zeroGrad();
  const loss = crossEntropy(model.call(x), labels);
  loss.backward();
  optimizer.step();
  return loss.item();
}

// @ts-expect-error a tensor is not a number
export const wrong: number = tensor([1, 2]);
