/**
 * The kernel of a softmax: exponentials of a row of logits in double precision, and the sum of them in the order of the row.
 *
 *   to[i] = exp(z[i] − s), for z[i] ≤ s          x = z − s = k·ln 2 + r          exp(x) = 2ᵏ·exp(r)
 *
 * Every operation stands in the order of fdlibm's `exp`, which is V8's `Math.exp`, two numbers at a time, so that both give the same
 * bits, also where a result is subnormal, 0 or NaN.
 *
 * Sun Microsystems (1993), "fdlibm", e_exp.c.
 */
import {
  type Code,
  get,
  int,
  isLess,
  type Kernel,
  move,
  one64,
  plus,
  repeat,
  set,
  times,
  two64,
} from './assembler.ts'

const { add, and, andNot, div, isAtLeast, isBelow, mul, sub } = two64

const CONSTANTS = {
  /** ln 2 in two parts. */
  high: 6.9314718036912381649e-1,
  low: 1.90821492927058770002e-10,
  inverse: 1.442695040888963387,
  half: 0.5,
  /** Just above ½·ln 2: numbers nearer to 0 are their own rest. */
  reduced: 0.3465735912322998,
  /** Numbers nearer to 0 become 1 + x. */
  small: 2 ** -28,
  p1: 1.66666666666666019037e-1,
  p2: -2.77777777770155933842e-3,
  p3: 6.61375632143793436117e-5,
  p4: -1.6533902205465251539e-6,
  p5: 4.13813679705723846039e-8,
  one: 1,
  two: 2,
  /** Numbers below become 0. */
  least: -7.4513321910194110842e2,
  /** The least exponent of a normal number; those below are raised by `lift` and then multiplied by 2 to −lift. */
  normal: -1021,
  lift: 1000,
  lowered: 9.3326361850321887899e-302,
  /** The sum with it has an integer in its lowest bits. */
  whole: 1.5 * 2 ** 52,
}

/** `n`, a multiple of two; writes the sum at `sum`. */
export const exponential: Kernel = {
  name: 'exponential',
  parameters: ['to', 'from', 'sum', 'n'],
  doubles: ['shift'],
  locals: {
    ...{ end: 'i32', total: 'f64', shift2: 'v128' },
    ...named(['x', 'size', 'k', 'hi', 'lo', 'r', 't', 'c', 'q', 'isLow'], 'v128'),
    ...named(Object.keys(CONSTANTS), 'v128'),
  },
  body(of) {
    const own = (name: string) => get(of(name))
    const keep = (name: string, value: Code) => set(of(name), value)
    const t = (term: Code) => mul(own('t'), term)
    const polynomial = ['p4', 'p3', 'p2', 'p1'].reduce<Code>(
      (rest, p) => add(own(p), t(rest)),
      own('p5'),
    )
    const lifted = add(own('k'), and(own('lift'), own('isLow')))
    return [
      ...Object.entries(CONSTANTS).flatMap(([name, value]) => keep(name, two64.both(value))),
      ...keep('shift2', two64.splat(own('shift'))),
      ...keep('end', plus(own('from'), times(own('n'), int(4)))),
      ...repeat(
        isLess(own('from'), own('end')),
        keep('x', sub(two64.load(own('from')), own('shift2'))),
        keep('size', two64.abs(own('x'))),
        keep(
          'k',
          and(
            two64.truncated(sub(mul(own('inverse'), own('x')), own('half'))),
            isAtLeast(own('size'), own('reduced')),
          ),
        ),
        keep('hi', sub(own('x'), mul(own('k'), own('high')))),
        keep('lo', mul(own('k'), own('low'))),
        keep('r', sub(own('hi'), own('lo'))),
        keep('t', mul(own('r'), own('r'))),
        keep('c', sub(own('r'), t(polynomial))),
        keep(
          'q',
          and(
            div(mul(own('r'), own('c')), sub(own('two'), own('c'))),
            isAtLeast(own('size'), own('small')),
          ),
        ),
        keep('isLow', isBelow(own('k'), own('normal'))),
        keep(
          'r',
          mul(
            sub(own('one'), sub(sub(own('lo'), own('q')), own('hi'))),
            // 2 to the power of an integer: its bits, moved into the exponent of 1.
            two64.addBits(two64.toExponent(add(lifted, own('whole'))), own('one')),
          ),
        ),
        keep('r', mul(own('r'), two64.choose(own('lowered'), own('one'), own('isLow')))),
        keep('r', andNot(own('r'), isBelow(own('x'), own('least')))),
        two64.storeWide(own('to'), own('r')),
        keep('total', one64.add(own('total'), two64.first(own('r')))),
        keep('total', one64.add(own('total'), two64.second(own('r')))),
        move(of('to'), int(16)),
        move(of('from'), int(8)),
      ),
      ...one64.store(own('sum'), own('total')),
    ]
  },
}

function named(names: readonly string[], type: 'v128') {
  return Object.fromEntries(names.map((name) => [name, type]))
}
