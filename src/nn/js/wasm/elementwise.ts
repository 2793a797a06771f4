/**
 * Kernels that go through rows of numbers, four at a time: each of up to three operands has a stride from row to row, and a stride of 0
 * repeats a row, or sums the rows into one.
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
  zeroBytes,
} from './assembler.ts'

type Lanes = Pick<typeof one, 'add' | 'sub' | 'mul' | 'div' | 'max' | 'sqrt' | 'where'>
/** The same rule for one number and for four: `to` is what was there. */
type Rule = (lanes: Lanes, a: Code, b: Code, to: Code) => Code

const rules = {
  add: ({ add }, a, b) => add(a, b),
  sub: ({ sub }, a, b) => sub(a, b),
  mul: ({ mul }, a, b) => mul(a, b),
  div: ({ div }, a, b) => div(a, b),
  max: ({ max }, a, b) => max(a, b),
  /** to += a · b */
  addProduct: ({ add, mul }, a, b, to) => add(to, mul(a, b)),
  /** to += a, where b > 0 */
  addWhere: ({ add, where }, a, b, to) => add(to, where(a, b)),
  /** a, where b > 0 */
  where: ({ where }, a, b) => where(a, b),
  copy: (_, a) => a,
  sqrt: ({ sqrt }, a) => sqrt(a),
} as const satisfies Record<string, Rule>

export type RuleName = keyof typeof rules

export const elementwise: readonly Kernel[] = Object.entries(rules).flatMap(([name, rule]) => [
  kernelOf(name, rule, { isSpread: { a: false, b: false } }),
  kernelOf(`${name}By`, rule, { isSpread: { a: false, b: true } }),
  kernelOf(`${name}From`, rule, { isSpread: { a: true, b: false } }),
])

/** Steps in bytes; an operand that is spread is one number. */
function kernelOf(
  name: string,
  rule: Rule,
  { isSpread }: { readonly isSpread: Readonly<Record<'a' | 'b', boolean>> },
): Kernel {
  return {
    name,
    parameters: ['to', 'a', 'b', 'rows', 'n', 'toStep', 'aStep', 'bStep'],
    locals: { i: 'i32', bytes: 'i32', one: 'f32', four: 'v128' },
    body(of) {
      const at = (operand: string) => plus(get(of(operand)), get(of('i')))
      const spread = (['a', 'b'] as const).find((operand) => isSpread[operand])
      const number = (operand: 'a' | 'b') =>
        isSpread[operand] ? get(of('one')) : one.load(at(operand))
      const numbers = (operand: 'a' | 'b') =>
        isSpread[operand] ? get(of('four')) : four.load(at(operand))
      return [
        ...(spread === undefined
          ? []
          : [
              ...set(of('one'), one.load(get(of(spread)))),
              ...set(of('four'), four.splat(get(of('one')))),
            ]),
        ...set(of('bytes'), times(get(of('n')), int(4))),
        ...repeat(
          isLess(int(0), get(of('rows'))),
          set(of('i'), int(0)),
          repeat(
            isAtMost(plus(get(of('i')), int(16)), get(of('bytes'))),
            four.store(at('to'), rule(four, numbers('a'), numbers('b'), four.load(at('to')))),
            move(of('i'), int(16)),
          ),
          repeat(
            isLess(get(of('i')), get(of('bytes'))),
            one.store(at('to'), rule(one, number('a'), number('b'), one.load(at('to')))),
            move(of('i'), int(4)),
          ),
          ...(['to', 'a', 'b'] as const)
            .filter((operand) => operand !== spread)
            .map((operand) => move(of(operand), get(of(`${operand}Step`)))),
          move(of('rows'), int(-1)),
        ),
      ]
    },
  }
}

export const zero: Kernel = {
  name: 'zero',
  parameters: ['to', 'bytes'],
  locals: {},
  body: (of) => zeroBytes(get(of('to')), get(of('bytes'))),
}
