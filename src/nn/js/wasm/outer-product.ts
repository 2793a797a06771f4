/**
 * The kernel of an outer product: C [m, n] = a · b for a column a [m] and a row b [n], which is the gradient of a matrix by one
 * example. The general product would load and store as much, and set up its blocks for a sum of one term.
 */
import {
  type Code,
  four,
  get,
  int,
  isAtMost,
  isLess,
  type Kernel,
  move,
  one,
  plus,
  repeat,
  set,
  times,
} from './assembler.ts'

/** Vectors that a round writes. */
const WIDE = 4

export const outerProduct: Kernel = {
  name: 'outerProduct',
  parameters: ['c', 'a', 'b', 'm', 'n'],
  locals: { pb: 'i32', end: 'i32', number: 'f32', factor: 'v128' },
  body(of) {
    const vectors = (count: number): Code =>
      repeat(
        isAtMost(plus(get(of('pb')), int(16 * count)), get(of('end'))),
        Array.from({ length: count }, (_, at) =>
          four.store(
            get(of('c')),
            // Added to 0, so that −0 becomes 0 as it does in a sum.
            four.add(four.zero, four.mul(get(of('factor')), four.load(get(of('pb')), 16 * at))),
            16 * at,
          ),
        ).flat(),
        move(of('pb'), int(16 * count)),
        move(of('c'), int(16 * count)),
      )
    const single: Code = repeat(
      isLess(get(of('pb')), get(of('end'))),
      one.store(
        get(of('c')),
        one.add(one.zero, one.mul(get(of('number')), one.load(get(of('pb'))))),
      ),
      move(of('pb'), int(4)),
      move(of('c'), int(4)),
    )
    return [
      ...set(of('end'), plus(get(of('b')), times(get(of('n')), int(4)))),
      ...repeat(
        isLess(int(0), get(of('m'))),
        set(of('number'), one.load(get(of('a')))),
        set(of('factor'), four.splat(get(of('number')))),
        set(of('pb'), get(of('b'))),
        vectors(WIDE),
        vectors(1),
        single,
        move(of('a'), int(4)),
        move(of('m'), int(-1)),
      ),
    ]
  },
}
