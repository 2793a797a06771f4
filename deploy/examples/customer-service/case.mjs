/** Intents of a shop's customers: taught in English, asked in German as well, corrected, and one more appears. */
import { mostFrequent, mostWordsShared, share } from '../baselines.mjs'
import { messages, newIntent } from './rows.mjs'

export const summary =
  'intents of customers, taught in English and asked in German; agents confirm or correct; a new intent appears'

export async function play({ model, random, small, say }) {
  const intents = model('intents')
  const english = messages(random, 'en', 'taught', small ? 1 : 3)
  const asked = {
    en: messages(random, 'en', 'asked', small ? 1 : 4),
    de: messages(random, 'de', 'asked', small ? 1 : 4),
    newEn: messages(random, 'en', 'asked', small ? 1 : 4, newIntent),
    newDe: messages(random, 'de', 'asked', small ? 1 : 4, newIntent),
  }

  say(`${english.length} English messages of seven intents`)
  await intents.teach(english.map(({ text, label }) => ({ input: { text }, label })))
  const taught = await measure()

  const german = messages(random, 'de', 'taught', small ? 1 : 2)
  say(`${german.length} German messages are answered; agents confirm or correct each`)
  const corrected = await review(german)
  const afterCorrections = await measure()

  const gifts = messages(random, 'en', 'taught', small ? 1 : 2, newIntent)
  say(`a new intent: ${gifts.length} English messages about gift cards`)
  await intents.teach(gifts.map(({ text, label }) => ({ input: { text }, label })))
  const afterNew = await measure()

  const all = [...english, ...gifts]
  const frequent = mostFrequent(all.map(({ label }) => label))
  const baseline = (answer) =>
    Object.values(asked).map((rows) => share(rows, ({ text, label }) => answer(text) === label))
  return [
    {
      title: 'right answers to messages in other sentences, about other goods',
      columns: ['English', 'German', 'new, English', 'new, German'],
      rows: [
        ['the most frequent intent', ...baseline(() => frequent)],
        [
          'the taught message with most words in common',
          ...baseline((text) => mostWordsShared(all, text)),
        ],
        [`${english.length} English messages taught`, ...taught],
        [`${german.length} German answers reviewed, ${corrected} corrected`, ...afterCorrections],
        [`${gifts.length} messages of a new intent`, ...afterNew],
      ],
    },
  ]

  async function measure() {
    const shares = []
    for (const rows of Object.values(asked)) {
      const answers = await intents.ask(rows.map(({ text }) => ({ text })))
      shares.push(share(rows, ({ label }, at) => answers[at].label === label))
    }
    return shares
  }

  /** An agent reads each answer and confirms it, or says what is right: how many were wrong. */
  async function review(rows) {
    const answers = await intents.ask(rows.map(({ text }) => ({ text })))
    const isWrong = answers.map(({ label }, at) => label !== rows[at].label)
    await intents.teach(
      answers.map(({ id }, at) => ({
        prediction_id: id,
        ...(isWrong[at] ? { correction: rows[at].label } : { rating: 1 }),
      })),
    )
    return isWrong.filter(Boolean).length
  }
}
