/**
 * Kernels of an optimizer's step in double precision, two numbers at a time. Numbers are rounded to single precision where they are
 * stored and nowhere else, and every operation stands in the order of the loops in src/optim, so that both give the same bits.
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

/** Numbers of an operand, a word that all share, or a number of this kernel's own. */
interface Pair {
  /** Two numbers of the array there. */
  readonly at: (address: string) => Code
  readonly by: (word: string) => Code
  readonly own: (name: string) => Code
  readonly keep: (name: string, value: Code) => Code
  readonly store: (address: string, value: Code) => Code
}

const { add, sub, mul, div, sqrt } = two64

/** g, scaled */
const scaled = ({ at, by }: Pair): Code => mul(at('g'), by('scale'))

/** θ ← θ − η·g, with η that has the scale in it */
const sgd = kernelOf('sgd', ['w', 'g'], ['factor'], (pair) =>
  pair.store('w', sub(pair.at('w'), mul(pair.by('factor'), pair.at('g')))),
)

/** u ← μ·u + g; θ ← θ − η·u */
const momentum = kernelOf('momentum', ['w', 'g', 'u'], ['scale', 'rate', 'momentum'], (pair) => {
  const { at, by, own, keep, store } = pair
  return [
    ...keep('x', add(mul(by('momentum'), at('u')), scaled(pair))),
    ...store('u', own('x')),
    ...store('w', sub(at('w'), mul(by('rate'), own('x')))),
  ]
})

/** m ← β₁·m + (1−β₁)·g; v ← β₂·v + (1−β₂)·g²; θ ← θ − η₁·m / (√(v·η₂) + ε), with η₁ = η/(1−β₁ᵗ) and η₂ = 1/(1−β₂ᵗ) */
const adam = kernelOf(
  'adam',
  ['w', 'g', 'm', 'v'],
  ['scale', 'rate', 'beta1', 'rest1', 'beta2', 'rest2', 'inverse', 'epsilon'],
  (pair) => {
    const { at, by, own, keep, store } = pair
    const root = add(sqrt(mul(own('y'), by('inverse'))), by('epsilon'))
    return [
      ...keep('g2', scaled(pair)),
      ...keep('x', add(mul(by('beta1'), at('m')), mul(by('rest1'), own('g2')))),
      ...keep('y', add(mul(by('beta2'), at('v')), mul(mul(by('rest2'), own('g2')), own('g2')))),
      ...store('m', own('x')),
      ...store('v', own('y')),
      ...store('w', sub(at('w'), div(mul(by('rate'), own('x')), root))),
    ]
  },
)

/** θ ← θ − shrink·θᵒˡᵈ */
const decay = kernelOf('decay', ['w', 'old'], ['shrink'], ({ at, by, store }) =>
  store('w', sub(at('w'), mul(by('shrink'), at('old')))),
)

/** a ← keep·(a + θᵒˡᵈ − θ) */
const average = kernelOf('average', ['a', 'old', 'w'], ['keep'], ({ at, by, store }) =>
  store('a', mul(by('keep'), sub(add(at('a'), at('old')), at('w')))),
)

/** Adds squares to the four sums of `sums`, each of every fourth number; `n` is a multiple of four. */
const squares: Kernel = {
  name: 'squares',
  parameters: ['sums', 'from', 'n'],
  locals: { i: 'i32', bytes: 'i32', a: 'v128', c: 'v128', x: 'v128' },
  body(of) {
    const more = (sum: string, offset: number): Code => [
      ...set(of('x'), two64.load(plus(get(of('from')), get(of('i'))), offset)),
      ...set(of(sum), add(get(of(sum)), mul(get(of('x')), get(of('x'))))),
    ]
    return [
      ...set(of('bytes'), times(get(of('n')), int(4))),
      ...set(of('a'), two64.loadWide(get(of('sums')))),
      ...set(of('c'), two64.loadWide(get(of('sums')), 16)),
      ...repeat(
        isLess(get(of('i')), get(of('bytes'))),
        more('a', 0),
        more('c', 8),
        move(of('i'), int(16)),
      ),
      ...two64.storeWide(get(of('sums')), get(of('a'))),
      ...two64.storeWide(get(of('sums')), get(of('c')), 16),
    ]
  },
}

/** Adds Σ x·0 of `n` numbers, a multiple of four, to four sums: 0 if all are finite, and NaN, which persists, if not. */
const zeros: Kernel = {
  name: 'zeros',
  parameters: ['sums', 'from', 'n'],
  locals: { i: 'i32', bytes: 'i32', a: 'v128' },
  body: (of) => [
    ...set(of('bytes'), times(get(of('n')), int(4))),
    ...set(of('a'), four.load(get(of('sums')))),
    ...repeat(
      isLess(get(of('i')), get(of('bytes'))),
      set(
        of('a'),
        four.add(get(of('a')), four.mul(four.load(plus(get(of('from')), get(of('i')))), four.zero)),
      ),
      move(of('i'), int(16)),
    ),
    ...four.store(get(of('sums')), get(of('a'))),
  ],
}

export const doubleUpdates = [sgd, momentum, adam, decay, average, squares, zeros]

/** Its words are the addresses, how many numbers there are, and the numbers that all share. */
function kernelOf(
  name: string,
  addresses: readonly string[],
  words: readonly string[],
  body: (pair: Pair) => Code,
): Kernel {
  const spreads = Object.fromEntries(words.map((word) => [`${word}2`, 'v128'] as const))
  return {
    name,
    parameters: [...addresses, 'n'],
    doubles: words,
    locals: { i: 'i32', bytes: 'i32', g2: 'v128', x: 'v128', y: 'v128', ...spreads },
    body(of) {
      const place = (address: string) => plus(get(of(address)), get(of('i')))
      const pair: Pair = {
        at: (address) => two64.load(place(address)),
        by: (word) => get(of(`${word}2`)),
        own: (own) => get(of(own)),
        keep: (own, value) => set(of(own), value),
        store: (address, value) => two64.store(place(address), value),
      }
      return [
        ...words.flatMap((word) => set(of(`${word}2`), two64.splat(get(of(word))))),
        ...set(of('bytes'), times(get(of('n')), int(4))),
        ...repeat(isLess(get(of('i')), get(of('bytes'))), body(pair), move(of('i'), int(8))),
      ]
    },
  }
}
