/** Tickets of a help desk: whether two of them are one, taught in pairs, then reviewed by agents. */
import { share } from '../baselines.mjs'
import { pairs } from './rows.mjs'

export const summary =
  'pairs of tickets: whether two are one, on things and in words that were not taught; agents confirm or correct'

export async function play({ model, random, small, say }) {
  const tickets = model('same-ticket')
  const taught = pairs(random, 'taught', small ? 32 : 512)
  const reviewed = pairs(random, 'asked', small ? 8 : 64)
  const asked = pairs(random, 'asked', small ? 16 : 240)
  const cut = bestCut(taught)

  say(`${taught.length} pairs of tickets, half of them one ticket`)
  await tickets.teach(taught.map(({ label, ...input }) => ({ input, label })))
  const afterTaught = await measure()

  say(`${reviewed.length} pairs about other things are answered; agents confirm or correct each`)
  const corrected = await review()
  const afterReview = await measure()

  return [
    {
      title: 'right answers to pairs about other things, in other words',
      columns: ['all', 'one ticket', 'another fault or thing'],
      rows: [
        ['always no', ...sharesOf(() => 'no')],
        ['words in common', ...sharesOf((row) => (overlap(row) >= cut ? 'yes' : 'no'))],
        [`${taught.length} pairs taught`, ...afterTaught],
        [`${reviewed.length} answers reviewed, ${corrected} corrected`, ...afterReview],
      ],
    },
  ]

  function sharesOf(answer) {
    const parts = [() => true, ({ label }) => label === 'yes', ({ label }) => label === 'no']
    return parts.map((part) => share(asked.filter(part), (row) => answer(row) === row.label))
  }

  async function measure() {
    const answers = await tickets.ask(asked.map(({ text, text_pair }) => ({ text, text_pair })))
    return sharesOf((row) => answers[asked.indexOf(row)].label)
  }

  async function review() {
    const answers = await tickets.ask(reviewed.map(({ text, text_pair }) => ({ text, text_pair })))
    const events = answers.map(({ id, label }, at) => {
      const isRight = label === reviewed[at].label
      const says = isRight ? { rating: 1 } : { correction: reviewed[at].label }
      return { prediction_id: id, ...says }
    })
    await tickets.teach(events)
    return events.filter((event) => 'correction' in event).length
  }
}

/** The share of common words from which on most taught pairs are right as one ticket. */
function bestCut(rows) {
  const cuts = [...new Set(rows.map(overlap))]
  const right = (cut) => share(rows, (row) => (overlap(row) >= cut ? 'yes' : 'no') === row.label)
  return cuts.reduce((best, cut) => (right(cut) > right(best) ? cut : best), cuts[0])
}

function overlap({ text, text_pair }) {
  const words = (of) => new Set(of.toLowerCase().match(/[\p{L}\p{N}]+/gu))
  const [one, other] = [words(text), words(text_pair)]
  const both = [...one].filter((word) => other.has(word)).length
  return both / (one.size + other.size - both)
}
