/** Products of matrices by plain loops, row by row. */

/** a [m, k] times b [k, n]. */
export function product(a: Float64Array, b: Float64Array, m: number, k: number, n: number): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let q = 0; q < k; q++) {
      const x = a[i * k + q] ?? NaN;
      for (let j = 0; j < n; j++) c[i * n + j] = (c[i * n + j] ?? NaN) + x * (b[q * n + j] ?? NaN);
    }
  }
  return c;
}

/** The transpose of a [rows, cols] matrix. */
export function turned(a: Float64Array, rows: number, cols: number): Float64Array {
  const t = new Float64Array(rows * cols);
  for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) t[j * rows + i] = a[i * cols + j] ?? NaN;
  return t;
}
