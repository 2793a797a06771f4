/** Products: y = x·w for x [.., in], w [in, out], with dx = dy·wᵀ and dw = xᵀ·dy. */
import { invariant } from '../../platform/errors.ts'
import { NotPlain, type PlainValue, type Recorder } from './tape.ts'
import { kernels } from './wasm/memory.ts'

const { add, outerProduct, product, productOver, transpose: turn } = kernels
const { turnedProduct, turnedProductOver } = kernels

export function matMul(x: PlainValue, w: PlainValue, tape: Recorder): PlainValue {
  const [inSize = 0, outSize = 0] = w.shape
  if (w.shape.length !== 2) throw new NotPlain('a product by more than a matrix')
  invariant(x.shape.at(-1) === inSize, 'matMul of sizes that do not fit')
  const rows = x.size / inSize
  const y = tape.value([...x.shape.slice(0, -1), outSize], x.fixed && w.fixed)
  const [wide, narrow] = [4 * inSize, 4 * outSize]
  let turned: number | undefined
  let [dw, dx]: (ReturnType<Recorder['gradientOver']> | undefined)[] = []
  tape.note(
    y,
    () => {
      productOver(y.at, x.at, w.at, rows, outSize, inSize, wide)
    },
    (dy) => {
      if (!w.fixed) {
        dw ??= tape.gradientOver(w)
        const isFirst = dw.isFirst()
        if (isFirst && rows === 1) outerProduct(dw.at, x.at, dy, inSize, outSize)
        else {
          const into = isFirst ? turnedProductOver : turnedProduct
          into(dw.at, x.at, dy, inSize, outSize, rows, wide)
        }
      }
      if (x.fixed) return
      turned ??= tape.arena.take(w.size)
      turn(turned, w.at, inSize, outSize)
      dx ??= tape.gradientOver(x)
      const into = dx.isFirst() ? productOver : product
      into(dx.at, dy, turned, rows, inSize, outSize, narrow)
    },
  )
  return y
}

export function transpose(w: PlainValue, tape: Recorder): PlainValue {
  const [rows = 0, columns = 0] = w.shape
  const y = tape.value([columns, rows], w.fixed)
  let turned: number | undefined
  tape.note(
    y,
    () => {
      turn(y.at, w.at, rows, columns)
    },
    (dy) => {
      turned ??= tape.arena.take(w.size)
      turn(turned, dy, columns, rows)
      const dw = tape.gradientIn(w)
      add(dw, dw, turned, 1, w.size, 0, 0, 0)
    },
  )
  return y
}
