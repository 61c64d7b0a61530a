import { it } from 'vitest';
import { nn, optim, type Tensor } from '../../src/index.js';
import { expectSameTraining, recorded } from '../helpers/trained.js';

/** One pre-norm block with 4 heads of 2, written out with the ops. */
class Transformer extends nn.Module {
  readonly embedding = new nn.Embedding(11, 8);
  readonly norm1 = new nn.LayerNorm(8);
  readonly qkv = new nn.Linear(8, 24);
  readonly projection = new nn.Linear(8, 8);
  readonly norm2 = new nn.LayerNorm(8);
  readonly up = new nn.Linear(8, 32);
  readonly down = new nn.Linear(32, 8);
  readonly head = new nn.Linear(8, 11, { bias: false });

  forward(tokens: Tensor): Tensor {
    const x = this.embedding.call(tokens); // [B, T, 8]
    const y = x.add(this.attend(this.norm1.call(x)));
    return this.head.call(y.add(this.down.call(this.up.call(this.norm2.call(y)).silu())));
  }

  private attend(x: Tensor): Tensor {
    const [batch = 0, length = 0, width = 0] = x.shape;
    const heads = this.qkv.call(x).reshape([batch, length, 3, 4, 2]).permute([2, 0, 3, 1, 4]); // [3, B, 4, T, 2]
    const [q, k, v] = [0, 1, 2].map((i) => heads.select(0, i));
    const scores = q!.matmul(k!.transpose()).div(Math.SQRT2);
    const future = scores.detach().mul(0).add(1).triu(1).ne(0);
    const mixed = scores.maskedFill(future, -1e9).softmax(-1).matmul(v!); // [B, 4, T, 2]
    return this.projection.call(mixed.transpose(1, 2).reshape([batch, length, width]));
  }
}

it('a transformer block trains as in PyTorch: attention, layer norm, embedding, Adam', async () => {
  const fixture = await recorded('transformer');
  const model = new Transformer().to('f64');
  model.loadStateDict(fixture.state('init'));
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
  expectSameTraining({ model, optimizer, flat: (t) => t.flatten(0, 1) }, fixture);
});
