/** A shop that learns from clicks what to show first, while the taste of its visitors changes. */
import { clickRate, items, visit } from './rows.mjs'

export const summary =
  'a shop learns from clicks what to show whom, while the taste of its visitors changes and new items come'

/** Visits between two looks at the clicks. */
const ROUND = 32
const CANDIDATES = 6

export async function play({ model, random, small, say, progress }) {
  const shop = model('shop')
  const shelf = items(random, 'item', 40)
  const popular = openPopularity()
  const [long, short] = small ? [2, 1] : [60, 10]
  let visits = 0

  say(`${long * ROUND} visits in the warm season`)
  const start = await season('warm', shelf, short)
  await season('warm', shelf, long - 2 * short)
  const warm = await season('warm', shelf, short)
  say(`the cold season begins: ${long * ROUND} visits`)
  const turn = await season('cold', shelf, short)
  await season('cold', shelf, long - 2 * short)
  const cold = await season('cold', shelf, short)
  const fresh = items(random, 'new', 40)
  say(`forty items that have never been shown: ${short * ROUND} visits`)
  const added = await season('cold', fresh, short)

  const phases = [start, warm, turn, cold, added]
  const row = (name, rate) => [name, ...phases.map((phase) => mean(phase.map(rate)))]
  return [
    {
      title: `clicks on the item shown first, in ${short * ROUND} visits each`,
      columns: ['first', 'warm, later', 'cold, first', 'cold, later', 'new items'],
      rows: [
        row('any of the candidates', ({ any }) => any),
        row('the item with most clicks a showing so far', ({ popular }) => popular),
        row('ranking', ({ ranked }) => ranked),
        row('the best, knowing the taste', ({ best }) => best),
      ],
    },
  ]

  /** What each visit was worth, by the probability of a click: less noise than the clicks, which alone are taught. */
  async function season(name, shelf, rounds) {
    const worth = []
    for (let round = 0; round < rounds; round += 1) {
      const visitors = Array.from({ length: ROUND }, () => visit(random, shelf, CANDIDATES))
      const shown = await Promise.all(
        visitors.map(async ({ context, candidates }) =>
          shop.api.rank({ context, candidates, top: 1, seed: String(random.below(2 ** 31)) }),
        ),
      )
      const events = visitors.map(({ context, candidates, luck }, at) => {
        const rate = ({ input }) => clickRate(name, context, input)
        const { prediction_id, ranking } = shown[at]
        const first = candidates.find(({ id }) => id === ranking[0].id)
        const guess = popular.best(candidates)
        worth.push({
          any: mean(candidates.map(rate)),
          popular: rate(guess),
          ranked: rate(first),
          best: Math.max(...candidates.map(rate)),
        })
        popular.note(guess, luck < rate(guess))
        return { prediction_id, item: first.id, reward: luck < rate(first) ? 1 : 0 }
      })
      await shop.teach(events)
      progress((visits += ROUND), ROUND * (2 * long + short), 'visits')
    }
    return worth
  }
}

/** Shows the item with the best rate of clicks so far; one click more than there was lets it try each. */
function openPopularity() {
  const counts = new Map()
  const of = ({ id }) => counts.get(id) ?? { shown: 0, clicks: 0 }
  const score = (item) => (of(item).clicks + 1) / (of(item).shown + 2)
  return {
    best: (candidates) => candidates.reduce((a, b) => (score(b) > score(a) ? b : a)),
    note(item, clicked) {
      const { shown, clicks } = of(item)
      counts.set(item.id, { shown: shown + 1, clicks: clicks + (clicked ? 1 : 0) })
    },
  }
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
