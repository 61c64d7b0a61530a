/** Small pseudo-random whole numbers: sums of their products are exact in f32, so that a kernel must agree with a loop to the last bit. */
export class Integers {
  private state: number;
  constructor(seed: number) {
    this.state = seed >>> 0 || 1;
  }
  /** A whole number in low..high. */
  next(low: number, high: number): number {
    // xorshift32, Marsaglia 2003
    let s = this.state;
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    this.state = s >>> 0;
    return low + (this.state % (high - low + 1));
  }
  /** n whole numbers in -3..3. */
  array(n: number): Float64Array {
    return Float64Array.from({ length: n }, () => this.next(-3, 3));
  }
}
