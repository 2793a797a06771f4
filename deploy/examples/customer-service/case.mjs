/**
 * A shop's customers: their intents, taught in English, asked in German as well, corrected, and one more appears; and answers to
 * what they ask about its policies; one policy changes overnight.
 */
import { mostFrequent, mostWordsShared, share } from '../baselines.mjs'
import { hasStyle, NEW_RETURNS, NO_POLICY, POLICIES, styled } from './policies.mjs'
import { messages, newIntent } from './rows.mjs'

export const summary =
  'intents of customers in two languages; answers in the style of the house that cite policies, also after one changes'

export async function play(stage) {
  return [await sortedMessages(stage), ...(await policyAnswers(stage))]
}

async function sortedMessages({ model, random, small, say }) {
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
  return {
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
  }

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

async function policyAnswers({ model, small, say }) {
  const answers = model('answers')
  const policies = Object.entries(POLICIES)
    .slice(0, small ? 3 : undefined)
    .map(([id, policy]) => ({ id, ...policy }))
  const [returns] = policies
  const changed = policies.map((policy) =>
    policy === returns ? { ...policy, ...NEW_RETURNS } : policy,
  )

  say(`${policies.length} questions about policies in other words, before anything is taught`)
  const before = await measure(policies)
  say(`${policies.length} policies, each as an answer of the desk`)
  await answers.teach(policies.map(lessonOf))
  const taught = await measure(policies)
  const unknown = await answersTo(small ? NO_POLICY.slice(0, 1) : NO_POLICY)
  say('overnight the policy of returns changes: its text is sent again, under the id that it had')
  await answers.teach(changed.slice(0, 1).map(lessonOf))
  const after = await measure(changed)

  const lookup = (list) => {
    const rows = list.map(({ question, answer }) => ({ text: question, label: answer }))
    const found = list.map(({ asked }) => mostWordsShared(rows, asked))
    return share(list, ({ fact }, at) => found[at].includes(fact))
  }
  const none = '-'
  return [
    {
      title: `answers to ${policies.length} questions about policies`,
      columns: ['same words', 'other words', 'cite it', 'style', 'no policy cited'],
      rows: [
        ['the policy with most words in common', 1, lookup(policies), none, none, none],
        ['untaught', ...before.shares, none],
        [
          `${policies.length} policies taught once`,
          ...taught.shares,
          share(unknown, ({ sources }) => sources.length === 0),
        ],
        ['after the change, all', ...after.shares, none],
      ],
    },
    {
      title: returns.asked,
      columns: [],
      rows: [
        ...[before, taught, after].map(({ other: [answer] }, at) => [
          `${['untaught:', 'taught:', 'changed:'][at].padEnd(10)}${shownAnswer(answer)}`,
        ]),
        [`asked in the words of the policy: ${shownAnswer(after.same[0])}`],
      ],
    },
  ]

  async function measure(list) {
    // Written side by side.
    const both = [...list.map(({ question }) => question), ...list.map(({ asked }) => asked)]
    const given = await answersTo(both)
    const [same, other] = [given.slice(0, list.length), given.slice(list.length)]
    const isRight = ({ fact }, { text }) => text.includes(fact)
    return {
      same,
      other,
      shares: [
        share(list, (policy, at) => isRight(policy, same[at])),
        share(list, (policy, at) => isRight(policy, other[at])),
        share(list, ({ id }, at) => other[at].sources.some((source) => source.id === id)),
        share(list, (_, at) => hasStyle(other[at].text.trim())),
      ],
    }
  }

  async function answersTo(questions) {
    return answers.ask(questions.map(conversation))
  }
}

function lessonOf({ id, question, answer }) {
  return { source: 'policies', id, input: conversation(question), completion: styled(answer) }
}

function conversation(content) {
  return { messages: [{ role: 'user', content }] }
}

function shownAnswer({ text, sources }) {
  const cited = sources.map(
    ({ source, id, similarity }) => `${source}/${id} ${similarity.toFixed(2)}`,
  )
  return `${text.trim().replaceAll(/\s+/g, ' ')}${cited.length > 0 ? ` [${cited.join(', ')}]` : ''}`
}
