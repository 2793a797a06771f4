/**
 * A simulated shop: visitors, items, and what a visitor clicks.
 *
 * A click depends on the visitor and the item together: each segment has a taste for each kind, which `season` moves, and minds the price in
 * its own way. The shop sees the features alone, never the taste.
 */

const SEGMENTS = ['student', 'family', 'retired']
const KINDS = ['book', 'game', 'garden', 'sport', 'kitchen', 'travel']

/** How much each segment wants each kind, in the order of KINDS: in the first season, and in the second. */
const TASTES = {
  warm: {
    student: [0, 2, -2, 2, -1, 1],
    family: [0, 1, 1, 1, 0, 2],
    retired: [1, -2, 3, -1, 0, 1],
  },
  cold: {
    student: [2, 1, -2, -2, 1, -1],
    family: [1, 2, -2, -1, 2, -1],
    retired: [3, -1, -2, -2, 2, -1],
  },
}
const MINDS_PRICE = { student: 2, family: 1, retired: 0.3 }
/** So that about one item in ten is clicked when the shop shows any. */
const USUAL = -2.2

/** `count` items whose ids begin with `prefix`. */
export function items(random, prefix, count) {
  return Array.from({ length: count }, (_, at) => ({
    id: `${prefix}-${at}`,
    input: { kind: KINDS[random.below(KINDS.length)], price: random.uniform() },
  }))
}

/** A visitor, and the few items of the shelf that are in question for it. */
export function visit(random, shelf, count) {
  const context = { segment: SEGMENTS[random.below(SEGMENTS.length)], hour: random.below(24) }
  const candidates = []
  while (candidates.length < count) {
    const item = shelf[random.below(shelf.length)]
    if (!candidates.includes(item)) candidates.push(item)
  }
  return { context, candidates, luck: random.uniform() }
}

/** The probability that the visitor clicks the item, which is shown first and alone. */
export function clickRate(season, { segment }, { kind, price }) {
  const taste = TASTES[season][segment][KINDS.indexOf(kind)]
  return 1 / (1 + Math.exp(-(USUAL + taste - MINDS_PRICE[segment] * price)))
}

/** A log like that of the Open Bandit Dataset, by one who shows any item: for a test. */
export function logged(random, count) {
  const kinds = Array.from({ length: 4 }, (_, at) => ({
    id: String(at),
    input: { rank: at, item_feature_1: KINDS[at], item_feature_2: 'a', item_feature_3: 'b' },
  }))
  const rows = () =>
    Array.from({ length: count }, () => {
      const user = SEGMENTS[random.below(SEGMENTS.length)]
      const chosen = random.below(kinds.length)
      const candidates = kinds.map(({ id, input }) => ({ id, input: { ...input, affinity: 0 } }))
      const context = {
        user_feature_0: user,
        user_feature_1: 'a',
        user_feature_2: 'b',
        user_feature_3: 'c',
      }
      const reward = Number(random.uniform() < (TASTES.warm[user][chosen] > 0 ? 0.6 : 0.1))
      return { context, candidates, chosen, reward, propensity: 1 / kinds.length }
    })
  return { random: rows(), bts: rows() }
}
