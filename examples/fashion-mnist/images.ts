import { join } from 'node:path';
import { data, scope, type Tensor } from 'chainrule';

export const classes = ['T-shirt', 'trouser', 'pullover', 'dress', 'coat', 'sandal', 'shirt', 'sneaker', 'bag', 'ankle boot'] as const;

/** Images with their labels, in the engine. */
export interface Images {
  /** u8 [N, 28, 28] */
  readonly pixels: Tensor;
  /** f32 [N, 1, 28, 28], mean 0 and deviation 1 over the training set. */
  readonly images: Tensor;
  /** u8 [N] widened to i32, 0..9 */
  readonly labels: Tensor;
}

// Of the 60,000 training images, in 0..1.
const mean = 0.286;
const deviation = 0.353;

async function load(folder: string, name: string): Promise<Images> {
  const pixels = await data.readIdx(join(folder, `${name}-images-idx3-ubyte.gz`));
  const labels = (await data.readIdx(join(folder, `${name}-labels-idx1-ubyte.gz`))).to('i32');
  const images = scope(() =>
    pixels
      .to('f32')
      .mul(1 / (255 * deviation))
      .sub(mean / deviation)
      .reshape([-1, 1, 28, 28]),
  );
  return { pixels, images, labels };
}

/** The 10,000 training and 2,000 test images that come with the repository. */
export async function loadFashionMnist(folder: string): Promise<{ train: Images; test: Images }> {
  const [train, test] = await Promise.all([load(folder, 'train-10k'), load(folder, 'test-2k')]);
  return { train, test };
}
