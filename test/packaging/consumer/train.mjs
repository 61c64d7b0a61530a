// A user's first script, as an ES module: fits y = 2x + 1 and prints the last loss.
import { manualSeed, nn, optim, tensor } from 'chainrule';

manualSeed(1);
const x = tensor([[0], [1], [2], [3]]);
const y = tensor([[1], [3], [5], [7]]);
const model = new nn.Linear(1, 1);
const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });

let loss;
for (let step = 0; step < 200; step++) {
  optimizer.zeroGrad();
  loss = model.call(x).sub(y).square().mean();
  loss.backward();
  optimizer.step();
}
const addons = process.report.getReport().sharedObjects.filter((file) => file.endsWith('.node'));
console.log(JSON.stringify({ loss: await loss.item(), addons }));
