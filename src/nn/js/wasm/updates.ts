/**
 * Kernels of an optimizer's step, in place, over numbers in fours: gradient, moments, weight decay and average in one pass. The rules
 * are those of src/optim/optimizer.ts, in single precision.
 *
 *   w ← w − shrink·w − (the step)          a ← keep·(a + wᵒˡᵈ − w)
 */
import {
  type Code,
  four,
  get,
  int,
  isLess,
  type Kernel,
  move,
  plus,
  repeat,
  set,
  times,
  two64,
} from './assembler.ts'

type Local = (name: string) => number

interface Rule {
  /** Addresses of its slots. */
  readonly slots: readonly string[]
  readonly numbers: readonly string[]
  /** Writes the slots, and sets `step` to what is subtracted from the weights. `g` is the scaled gradient. */
  readonly body: (of: Local) => Code
}

const rules = {
  /** η·g */
  sgd: {
    slots: [],
    numbers: ['rate'],
    body: (of) => set(of('step'), four.mul(spread(of, 'rate'), get(of('g')))),
  },
  /** u ← μ·u + g; η·u */
  momentum: {
    slots: ['u'],
    numbers: ['rate', 'momentum'],
    body: (of) => [
      ...set(of('x'), four.add(four.mul(spread(of, 'momentum'), numbersAt(of, 'u')), get(of('g')))),
      ...four.store(at(of, 'u'), get(of('x'))),
      ...set(of('step'), four.mul(spread(of, 'rate'), get(of('x')))),
    ],
  },
  /** m ← β₁·m + (1−β₁)·g; v ← β₂·v + (1−β₂)·g²; η₁·m / (√(v·η₂) + ε), with η₁ = η/(1−β₁ᵗ) and η₂ = 1/(1−β₂ᵗ) */
  adam: {
    slots: ['m', 'v'],
    numbers: ['rate', 'beta1', 'rest1', 'beta2', 'rest2', 'inverse', 'epsilon'],
    body: (of) => [
      ...set(
        of('x'),
        four.add(
          four.mul(spread(of, 'beta1'), numbersAt(of, 'm')),
          four.mul(spread(of, 'rest1'), get(of('g'))),
        ),
      ),
      ...four.store(at(of, 'm'), get(of('x'))),
      ...set(
        of('y'),
        four.add(
          four.mul(spread(of, 'beta2'), numbersAt(of, 'v')),
          four.mul(four.mul(spread(of, 'rest2'), get(of('g'))), get(of('g'))),
        ),
      ),
      ...four.store(at(of, 'v'), get(of('y'))),
      ...set(
        of('step'),
        four.div(
          four.mul(spread(of, 'rate'), get(of('x'))),
          four.add(four.sqrt(four.mul(get(of('y')), spread(of, 'inverse'))), spread(of, 'epsilon')),
        ),
      ),
    ],
  },
} as const satisfies Record<string, Rule>

export type RuleName = keyof typeof rules
/** `adamAveraged`: with the average of the weights. */
export type Update = RuleName | `${RuleName}Averaged`

export const updates: readonly Kernel[] = Object.entries<Rule>(rules).flatMap(([name, rule]) => [
  updateOf(name, rule, false),
  updateOf(`${name}Averaged`, rule, true),
])

/** The words of a call, in order: addresses w, g, the slots, the average; how many numbers; then numbers. */
function wordsOf(name: RuleName, isAveraged: boolean) {
  const { slots, numbers } = rules[name]
  return {
    addresses: ['w', 'g', ...slots, ...(isAveraged ? ['average'] : [])],
    numbers: ['scale', 'shrink', ...numbers, ...(isAveraged ? ['keep'] : [])],
  }
}

function updateOf(name: string, rule: Rule, isAveraged: boolean): Kernel {
  const { addresses, numbers } = wordsOf(
    (isAveraged ? name.replace('Averaged', '') : name) as RuleName,
    isAveraged,
  )
  const spreads = Object.fromEntries(numbers.map((each) => [`${each}4`, 'v128'] as const))
  return {
    name,
    parameters: [...addresses, 'n'],
    numbers,
    locals: {
      i: 'i32',
      bytes: 'i32',
      old: 'v128',
      g4: 'v128',
      x: 'v128',
      y: 'v128',
      step: 'v128',
      ...spreads,
    },
    body: (of) => [
      ...numbers.flatMap((each) => set(of(`${each}4`), four.splat(get(of(each))))),
      ...set(of('bytes'), times(get(of('n')), int(4))),
      ...repeat(
        isLess(get(of('i')), get(of('bytes'))),
        set(of('old'), numbersAt(of, 'w')),
        set(of('g4'), four.mul(spread(of, 'scale'), numbersAt(of, 'g'))),
        rule.body((local) => of(local === 'g' ? 'g4' : local)),
        set(of('x'), four.sub(get(of('old')), get(of('step')))),
        set(of('x'), four.sub(get(of('x')), four.mul(spread(of, 'shrink'), get(of('old'))))),
        four.store(at(of, 'w'), get(of('x'))),
        isAveraged ? average(of) : [],
        move(of('i'), int(16)),
      ),
    ],
  }
}

function average(of: Local): Code {
  const moved = four.sub(four.add(numbersAt(of, 'average'), get(of('old'))), get(of('x')))
  return four.store(at(of, 'average'), four.mul(spread(of, 'keep'), moved))
}

function at(of: Local, operand: string): Code {
  return plus(get(of(operand)), get(of('i')))
}

function numbersAt(of: Local, operand: string): Code {
  return four.load(at(of, operand))
}

function spread(of: Local, number: string): Code {
  return get(of(`${number}4`))
}

/** In double precision, and in four sums, which do not wait for each other. */
export const squares: Kernel = {
  name: 'squares',
  parameters: ['to', 'from', 'n'],
  locals: { i: 'i32', bytes: 'i32', a: 'v128', c: 'v128', x: 'v128' },
  body: (of) => {
    const more = (sum: string, offset: number): Code => [
      ...set(of('x'), two64.load(plus(get(of('from')), get(of('i'))), offset)),
      ...set(of(sum), two64.add(get(of(sum)), two64.mul(get(of('x')), get(of('x'))))),
    ]
    const both = (sum: string): Code => two64.add(get(of(sum)), two64.turned(get(of(sum))))
    return [
      ...set(of('bytes'), times(get(of('n')), int(4))),
      ...repeat(
        isLess(get(of('i')), get(of('bytes'))),
        more('a', 0),
        more('c', 8),
        move(of('i'), int(16)),
      ),
      ...two64.storeOne(get(of('to')), two64.add(both('a'), both('c'))),
    ]
  },
}

/** Below it, a slot of the optimizer moves no weight of usual size: ε alone is 2⁷³ times as large. */
const LEAST = 2 ** -100

/**
 * Sets numbers below 2⁻¹⁰⁰ to 0. Where no gradient comes any more, moments and averages fade to subnormal numbers and stay there,
 * because 0.9 of the smallest one is rounded to itself; a processor takes a hundred times as long for each.
 */
export const flush: Kernel = {
  name: 'flush',
  parameters: ['at', 'n'],
  locals: { end: 'i32', x: 'v128', least: 'v128' },
  body: (of) => [
    ...set(of('least'), four.all(LEAST)),
    ...set(of('end'), plus(get(of('at')), times(get(of('n')), int(4)))),
    ...repeat(
      isLess(get(of('at')), get(of('end'))),
      set(of('x'), four.load(get(of('at')))),
      four.store(
        get(of('at')),
        four.unlessBelow(get(of('x')), four.abs(get(of('x'))), get(of('least'))),
      ),
      move(of('at'), int(16)),
    ),
  ],
}
