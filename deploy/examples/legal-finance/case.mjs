/** Passages of contracts and reports: their red flags, corrected by a lawyer, with the sentence that decided; a flag is added. */
import { mostFrequent, mostWordsShared, share } from '../baselines.mjs'
import { NEW_FLAG, passages } from './rows.mjs'

export const summary =
  'red flags in contracts and reports, with the sentence that decided; a lawyer corrects answers; a flag is added'

export async function play({ model, random, small, say, progress }) {
  const flags = model('flags')
  const taught = passages(random, 'taught', small ? 8 : 160)
  const reviewed = passages(random, 'reviewed', small ? 4 : 80)
  const added = [
    ...passages(random, 'taught', small ? 4 : 24, NEW_FLAG),
    ...passages(random, 'taught', small ? 2 : 24),
  ]
  const old = passages(random, 'asked', small ? 4 : 120)
  const recent = passages(random, 'asked', small ? 4 : 60, NEW_FLAG)

  say(`${taught.length} passages with all of their flags`)
  await teach(taught)
  const first = await measure()

  say(
    `${reviewed.length} passages are answered; a lawyer sends each list of flags back as it should be`,
  )
  const corrected = await review(reviewed)
  const second = await measure()

  say(`a flag is added: ${added.length} passages, every second with ${NEW_FLAG}`)
  await teach(added)
  const third = await measure()

  say('which sentence decided: each passage is asked again without it')
  const decided = await decide([...old, ...recent])

  const all = [...taught, ...reviewed, ...added]
  const frequent = [mostFrequent(all.flatMap((row) => row.flags))]
  const near = all.map((row) => ({ text: row.text, label: row.flags }))
  const without = (answer) => [old, recent].flatMap((rows) => scores(rows, rows.map(answer)))
  return [
    {
      title: 'F1 on passages in other sentences: all flags together, and the mean over flags',
      columns: ['F1', 'mean', `F1, ${NEW_FLAG}`, `mean, ${NEW_FLAG}`],
      rows: [
        ['always the most frequent flag', ...without(() => frequent)],
        [
          'the flags of the passage with most shared words',
          ...without(({ text }) => mostWordsShared(near, text)),
        ],
        [`${taught.length} passages taught`, ...first],
        [`${reviewed.length} passages reviewed, ${corrected} flags changed`, ...second],
        [`${added.length} passages with a new flag`, ...third],
      ],
    },
    {
      title: 'Without which sentence a flag loses most of its score',
      columns: ['the one that has it', 'flags'],
      rows: [
        ['either of two', 1 / 2, String(decided.length)],
        ['left out in turn', share(decided, ({ isRight }) => isRight), String(decided.length)],
      ],
    },
  ]

  async function teach(rows) {
    await flags.teach(rows.map((row) => ({ input: { text: row.text }, labels: row.flags })))
  }

  async function answers(rows) {
    const said = await flags.ask(rows.map(({ text }) => ({ text })))
    return said.map(({ labels }) => labels.map(({ label }) => label))
  }

  async function measure() {
    const both = []
    for (const rows of [old, recent]) both.push(...scores(rows, await answers(rows)))
    return both
  }

  /** Each answer comes back as a whole list, right or not: how many flags were changed. */
  async function review(rows) {
    const said = await flags.ask(rows.map(({ text }) => ({ text })))
    await flags.teach(said.map(({ id }, at) => ({ prediction_id: id, labels: rows[at].flags })))
    return said.reduce((sum, { labels }, at) => {
      const names = labels.map(({ label }) => label)
      const right = rows[at].flags
      const missing = right.filter((flag) => !names.includes(flag))
      return sum + missing.length + names.filter((flag) => !right.includes(flag)).length
    }, 0)
  }

  /** Of each right flag that is answered: whether the sentence whose absence costs it most is the one that has it. */
  async function decide(rows) {
    const whole = await flags.ask(rows.map(({ text }) => ({ text })))
    const found = []
    for (const [at, { sentences, flags: right }] of rows.entries()) {
      progress(at, rows.length, 'passages')
      const known = whole[at].labels
        .map(({ label }) => label)
        .filter((flag) => right.includes(flag))
      if (known.length === 0) continue
      const parts = sentences.map((left) => sentences.filter((one) => one !== left))
      const texts = parts.map((rest) => ({ text: rest.map(({ text }) => text).join(' ') }))
      const asked = await flags.ask(texts)
      for (const flag of known) {
        const left = asked.map(({ scores: each }) => each[flag])
        const decisive = sentences[left.indexOf(Math.min(...left))]
        found.push({ isRight: decisive.flag === flag })
      }
    }
    return found
  }
}

/** F1 of all flags together, and the mean of that of each flag that is right somewhere. */
function scores(rows, said) {
  const counts = new Map()
  const of = (flag) => {
    if (!counts.has(flag)) counts.set(flag, { both: 0, sizes: 0, right: 0 })
    return counts.get(flag)
  }
  for (const [at, row] of rows.entries()) {
    for (const flag of said[at]) of(flag).sizes += 1
    for (const flag of row.flags) {
      of(flag).sizes += 1
      of(flag).right += 1
      of(flag).both += Number(said[at].includes(flag))
    }
  }
  const all = [...counts.values()]
  const sum = (key) => all.reduce((total, each) => total + each[key], 0)
  const seen = all.filter(({ right }) => right > 0)
  const mean = seen.reduce((total, { both, sizes }) => total + (2 * both) / sizes, 0) / seen.length
  return [(2 * sum('both')) / sum('sizes'), mean]
}
