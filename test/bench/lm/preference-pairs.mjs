/**
 * Pairs of answers for `lm preferences`: the chosen one is in the house style of the chat demo, the rejected one breaks it in one of
 * four ways. Train, development and test have topics of their own. The judge of the demo takes no part: it only checks what was made.
 */
import { judge } from '../../../dist/src/cli/demo/chat/measure.js'
import { taughtTopics } from '../../../dist/src/cli/demo/chat/data.js'
import { openRandom } from '../../../dist/src/platform/random.js'

/** Topics of each part. */
const PARTS = { train: 14, development: 4, test: 8 }
const OPENINGS = ['asking about', 'telling us about', 'writing about']

/** How an answer breaks the style: of its greeting, its fact, the other fact and its step. */
const BREAKS = {
  greeting: ({ matter, fact, step }) =>
    `We read your message about ${matter}. ${fact} Next step: ${step}`,
  unnamed: ({ fact, step }) => `Thanks for writing to us today. ${fact} Next step: ${step}`,
  ending: ({ opening, matter, fact, step }) =>
    `Thanks for ${opening} ${matter}. ${fact} You can ${step}`,
  order: ({ opening, matter, fact, step }) =>
    `Thanks for ${opening} ${matter}. Next step: ${step} ${fact}`,
}

/** `{ train, development, test }`: pairs `{ question, chosen, rejected, breaks }`; a training question has two, the others all four. */
export function preferencePairs(seed) {
  const random = openRandom(seed, 'pairs')
  const one = (of) => of[random.below(of.length)]
  const topics = shuffled(taughtTopics, random)
  const answer = ({ matter, facts, steps }) => {
    return { opening: one(OPENINGS), matter, fact: one(facts), step: one(steps) }
  }
  let from = 0
  return Object.fromEntries(
    Object.entries(PARTS).map(([part, count]) => {
      const own = topics.slice(from, (from += count))
      const pairs = own.flatMap((topic) =>
        topic.questions.flatMap((question) => {
          const names = shuffled(Object.keys(BREAKS), random)
          return names.slice(0, part === 'train' ? 2 : names.length).map((breaks) => {
            const { opening, matter, fact, step } = answer(topic)
            const chosen = `Thanks for ${opening} ${matter}. ${fact} Next step: ${step}`
            const pair = { question, chosen, rejected: BREAKS[breaks](answer(topic)), breaks }
            if (!judge(question, chosen).satisfied || judge(question, pair.rejected).satisfied)
              throw new Error(`a pair that the judge sees otherwise: ${JSON.stringify(pair)}`)
            return pair
          })
        }),
      )
      return [part, shuffled(pairs, random)]
    }),
  )
}

function shuffled(rows, random) {
  const order = [...rows]
  for (let at = order.length - 1; at > 0; at -= 1) {
    const other = random.below(at + 1)
    ;[order[at], order[other]] = [order[other], order[at]]
  }
  return order
}
