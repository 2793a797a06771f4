/**
 * A shop that learns from clicks what to show first, while the taste of its visitors changes; and a shop that has logged what it
 * showed, from which a ranking learns before it answers anyone.
 */
import { loggedChoices } from './logged.mjs'
import { clickRate, items, logged, visit } from './rows.mjs'

export const summary =
  'a shop learns from clicks what to show whom, while the taste of its visitors changes and new items come'

/** Visits between two looks at the clicks. */
const ROUND = 32
const CANDIDATES = 6

export async function play(stage) {
  return [await simulated(stage), ...(await fromLogs(stage))]
}

async function simulated({ model, random, small, say, progress }) {
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
  return {
    title: `clicks on the item shown first, in ${short * ROUND} visits each`,
    columns: ['first', 'warm, later', 'cold, first', 'cold, later', 'new items'],
    rows: [
      row('any of the candidates', ({ any }) => any),
      row('the item with most clicks a showing so far', ({ popular }) => popular),
      row('ranking', ({ ranked }) => ranked),
      row('the best, knowing the taste', ({ best }) => best),
    ],
  }

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

/** Showings of the log that are taught, and others on which the learned choice is estimated. */
const LOGGED = 5000
/** Requests with all items of the shop. */
const AT_ONCE = 16

/** Learns what one policy of the shop has logged, and estimates on the log of another what its own choices would have earned. */
async function fromLogs({ model, random, small, say, progress, worth }) {
  const fashion = model('fashion')
  let log
  try {
    // A test has no network, and few rows.
    log = small ? logged(random, 64) : await loggedChoices('men')
  } catch (error) {
    say(
      `without the logged choices of the Open Bandit Dataset, which pip fetches: ${error.message}`,
    )
    return []
  }
  const [taught, asked] = [log.bts.slice(0, LOGGED), log.random.slice(0, LOGGED)]
  say(`${taught.length} logged showings to learn from (Open Bandit Dataset, CC BY 4.0)`)
  progress(0, taught.length, 'showings')
  for (let from = 0; from < taught.length; from += 8 * ROUND) {
    // Alone among the candidates, the item that was shown then is shown again.
    const answers = await Promise.all(
      taught.slice(from, from + 8 * ROUND).map(async ({ context, candidates, chosen, reward }) => {
        const shown = candidates[chosen]
        const { prediction_id } = await fashion.api.rank({ context, candidates: [shown] })
        return { prediction_id, item: shown.id, reward }
      }),
    )
    await fashion.teach(answers)
    progress(from + answers.length, taught.length, 'showings')
  }
  say(`what it would show in ${asked.length} others`)
  const choices = []
  for (let from = 0; from < asked.length; from += AT_ONCE) {
    const some = asked.slice(from, from + AT_ONCE)
    choices.push(...(await Promise.all(some.map(async (row) => choiceOf(fashion, row)))))
    progress(choices.length, asked.length, 'choices')
  }
  const { ips, snips, dr } = worth(choices)
  const clicks = (rows) => mean(rows.map(({ reward }) => reward))
  const plain = (name, rows) => [name, clicks(rows), '', '', '']
  return [
    {
      title: `clicks of logged showings, and of what the ranking would have shown (${asked.length} showings at random, bounds of 95 %)`,
      columns: ['clicks, or IPS', 'SNIPS', 'DR', 'bounds of DR'],
      rows: [
        plain('logged: any item', asked),
        plain("logged: the shop's Thompson sampling", taught),
        ['ranking, its best item', ips.value, snips, dr.value, shownBounds(dr)],
      ],
    },
  ]
}

/** The choice of the log, and what the ranking makes of it: its best item, and what it expects of each. */
async function choiceOf(fashion, { context, candidates, chosen, reward, propensity }) {
  const { ranking } = await fashion.api.rank({ context, candidates })
  const scores = new Map(ranking.map(({ id, score }) => [id, score]))
  const expected = candidates.map(({ id }) => scores.get(id))
  const best = expected.indexOf(Math.max(...expected))
  // Of the others the log has no probability, and they count only where it was uniform.
  const odds = candidates.map(() => propensity)
  return {
    logged: { reward, chosen, odds },
    odds: expected.map((_, at) => Number(at === best)),
    expected,
  }
}

function shownBounds({ low, high }) {
  return `${(100 * low).toFixed(2)} to ${(100 * high).toFixed(2)} %`
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
