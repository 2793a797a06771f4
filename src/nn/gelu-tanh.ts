/** GELU by a tanh, which the published weights of some networks were trained with. */
import type { Ops } from '../contracts/ops.ts'

/** x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))), Hendrycks and Gimpel (2016), arXiv:1606.08415. */
export function geluTanh<T>(ops: Ops<T>, x: T): T {
  const cube = ops.mul(ops.mul(x, x), x)
  const inside = ops.add(x, ops.mul(cube, ops.scalar(0.044715)))
  const tanh = ops.tanh(ops.mul(inside, ops.scalar(Math.sqrt(2 / Math.PI))))
  return ops.mul(ops.mul(x, ops.scalar(0.5)), ops.add(tanh, ops.scalar(1)))
}
