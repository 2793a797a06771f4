/** Red flags of whole contracts: learned from contracts that are labelled as a whole, found with the part that decided. */
import { mostFrequent, mostWordsShared, share } from '../baselines.mjs'
import { contract, contracts, NEW_FLAG } from './rows.mjs'

export const summary =
  'red flags of whole contracts, with the part that decided; a flag is added; 200 pages are read'

/** Of the paragraphs of a contract here, and of a page of print. */
const CHARACTERS_OF_PARAGRAPH = 100
const CHARACTERS_OF_PAGE = 3000
const PAGES = 200

export async function play({ model, random, small, say }) {
  const flags = model('contracts')
  const taught = contracts(random, 'taught', small ? 8 : 240)
  const added = [
    ...contracts(random, 'taught', small ? 4 : 40, NEW_FLAG),
    ...contracts(random, 'taught', small ? 2 : 24),
  ]
  const old = contracts(random, 'asked', small ? 4 : 80)
  const recent = contracts(random, 'asked', small ? 4 : 40, NEW_FLAG)

  say(`${taught.length} contracts, each with the list of its flags`)
  await teach(taught)
  const first = await measure()

  say(`a flag is added: ${added.length} contracts, most of them with ${NEW_FLAG}`)
  await teach(added)
  const second = await measure()

  const pages = small ? 2 : PAGES
  say(`a contract of ${pages} pages with one to three flagged paragraphs`)
  const paragraphs = Math.round((pages * CHARACTERS_OF_PAGE) / CHARACTERS_OF_PARAGRAPH)
  const long = contract(random, 'asked', paragraphs)
  const from = performance.now()
  const [answer] = await ask([long])
  const seconds = (performance.now() - from) / 1000

  const frequent = [mostFrequent([...taught, ...added].flatMap((row) => row.flags))]
  const near = [...taught, ...added].map((row) => ({ text: row.text, label: row.flags }))
  const without = (flagsOf) => [old, recent].map((rows) => f1(rows, rows.map(flagsOf)))
  return [
    {
      title: 'F1 of the flags of contracts in other sentences',
      columns: ['as before', `with ${NEW_FLAG}`],
      rows: [
        ['always the most frequent flag', ...without(() => frequent)],
        [
          'the flags of the contract with most shared words',
          ...without(({ text }) => mostWordsShared(near, text)),
        ],
        [`${taught.length} contracts taught`, ...first.map((each) => each.f1)],
        [`${added.length} contracts with a new flag`, ...second.map((each) => each.f1)],
      ],
    },
    {
      title: 'Of flags that were right: whether the part that decided has the flag',
      columns: ['as before', `with ${NEW_FLAG}`],
      rows: [
        ['a part as long, anywhere', ...second.map((each) => each.byChance)],
        ['the part that decided', ...second.map((each) => each.found)],
      ],
    },
    {
      title: `A contract of ${pages} pages, ${long.text.length} characters`,
      columns: ['seconds', 'pages a second', 'its flags', 'answered', 'in the right part'],
      rows: [
        [
          'asked once',
          seconds.toFixed(1),
          (pages / seconds).toFixed(0),
          String(long.flags.length),
          String(answer.labels.length),
          String(decided([long], [answer]).filter(({ isRight }) => isRight).length),
        ],
      ],
    },
  ]

  async function teach(rows) {
    await flags.teach(rows.map((row) => ({ input: { document: row.text }, labels: row.flags })))
  }

  async function ask(rows) {
    return flags.ask(rows.map(({ text }) => ({ document: text })))
  }

  async function measure() {
    const both = []
    for (const rows of [old, recent]) {
      const answers = await ask(rows)
      const named = answers.map(({ labels }) => labels.map(({ label }) => label))
      const parts = decided(rows, answers)
      both.push({
        f1: f1(rows, named),
        found: share(parts, ({ isRight }) => isRight),
        byChance: parts.reduce((sum, { byChance }) => sum + byChance, 0) / parts.length,
      })
    }
    return both
  }
}

/** Of each flag that was rightly answered: whether its part has a paragraph with it, and how often one anywhere would. */
function decided(rows, answers) {
  return answers.flatMap(({ parts }, at) =>
    parts
      .filter(({ answer }) => rows[at].flags.includes(answer))
      .map(({ answer, from, to }) => {
        const { text, flagged } = rows[at]
        const sentences = flagged.flatMap((paragraph) =>
          paragraph.sentences.filter(({ flag }) => flag === answer),
        )
        const part = text.slice(from, to)
        return {
          isRight: sentences.some((sentence) => part.includes(sentence.text)),
          byChance: Math.min(1, (sentences.length * (to - from)) / text.length),
        }
      }),
  )
}

function f1(rows, said) {
  const both = rows.reduce(
    (sum, { flags }, at) => sum + flags.filter((flag) => said[at].includes(flag)).length,
    0,
  )
  const sizes = rows.reduce((sum, { flags }, at) => sum + flags.length + said[at].length, 0)
  return (2 * both) / sizes
}
