/** Notes of a ward: the pieces that they mention and their codes, reviewed by a nurse; a kind of piece and a code are added. */
import { mostFrequent } from '../baselines.mjs'
import { NEW_CODE, notes } from './rows.mjs'

export const summary =
  'drugs, problems and procedures in clinical notes, and codes of the notes; a nurse corrects single pieces; a code is added'

export async function play({ model, random, small, say }) {
  const [mentions, codes] = [model('mentions'), model('codes')]
  const taught = notes(random, 'taught', small ? 8 : 120)
  const reviewed = notes(random, 'reviewed', small ? 4 : 60)
  const added = [
    ...notes(random, 'taught', small ? 4 : 32, [NEW_CODE]),
    ...notes(random, 'taught', small ? 2 : 16),
  ]
  const old = notes(random, 'asked', small ? 4 : 100)
  const recent = notes(random, 'asked', small ? 4 : 50, [NEW_CODE])

  say(`${taught.length} notes with all of their pieces and codes`)
  await teach(taught)
  const first = await measure()

  say(
    `${reviewed.length} notes are answered; a nurse adds what is missing and removes what is wrong`,
  )
  const corrected = await review(reviewed)
  const second = await measure()

  say(
    `a code and a kind of piece are added: ${added.length} notes, two of three with a ${NEW_CODE}`,
  )
  await teach(added)
  const third = await measure()

  const all = [...taught, ...reviewed, ...added]
  const frequent = mostFrequent(all.flatMap((note) => note.codes))
  const words = dictionary(all)
  return [
    {
      title: 'F1 on notes in other sentences; half of what they mention was never taught',
      columns: ['pieces', 'codes', `pieces, ${NEW_CODE}`, `codes, ${NEW_CODE}`],
      rows: [
        [
          'taught pieces looked up; the most frequent code',
          ...[old, recent].flatMap((rows) => [
            f1(rows.map(({ spans, text }) => [words(text), spans.map(shown)])),
            f1(rows.map((note) => [[frequent], note.codes])),
          ]),
        ],
        [`${taught.length} notes taught`, ...first],
        [`${reviewed.length} notes reviewed, ${corrected} pieces added or removed`, ...second],
        [`${added.length} notes with a new code`, ...third],
      ],
    },
  ]

  async function teach(rows) {
    await mentions.teach(rows.map(({ text, spans }) => ({ input: { text }, spans })))
    await codes.teach(rows.map((note) => ({ input: { text: note.text }, labels: note.codes })))
  }

  async function measure() {
    const shares = []
    for (const rows of [old, recent]) {
      const inputs = rows.map(({ text }) => ({ text }))
      const found = await mentions.ask(inputs)
      const said = await codes.ask(inputs)
      shares.push(f1(rows.map(({ spans }, at) => [found[at].spans.map(shown), spans.map(shown)])))
      shares.push(
        f1(rows.map((note, at) => [said[at].labels.map(({ label }) => label), note.codes])),
      )
    }
    return shares
  }

  /** What the nurse does not touch is not said to be right. */
  async function review(rows) {
    const answers = await mentions.ask(rows.map(({ text }) => ({ text })))
    const events = answers.flatMap(({ id, spans }, at) => {
      const right = rows[at].spans
      const missing = right.filter((span) => !spans.some((one) => shown(one) === shown(span)))
      const wrong = spans.filter((span) => !right.some((one) => shown(one) === shown(span)))
      return [
        ...(missing.length > 0 ? [{ prediction_id: id, add_spans: missing }] : []),
        ...(wrong.length > 0
          ? [{ prediction_id: id, remove_spans: wrong.map(({ start, end }) => ({ start, end })) }]
          : []),
      ]
    })
    if (events.length > 0) await mentions.teach(events)
    return events.reduce((sum, one) => sum + (one.add_spans ?? one.remove_spans).length, 0)
  }
}

const shown = ({ start, end, label }) => `${start} ${end} ${label}`

/** Of all items together: each row is what was answered, and what is right. */
function f1(rows) {
  let [both, sizes] = [0, 0]
  for (const [said, right] of rows) {
    both += said.filter((item) => right.includes(item)).length
    sizes += said.length + right.length
  }
  return (2 * both) / sizes
}

/** Finds every piece that was taught, wherever it stands. */
function dictionary(rows) {
  const known = new Map()
  for (const { text, spans } of rows)
    for (const { start, end, label } of spans)
      known.set([...text].slice(start, end).join(''), label)
  return (text) =>
    [...known].flatMap(([piece, label]) => {
      const start = text.indexOf(piece)
      return start < 0 ? [] : [shown({ start, end: start + piece.length, label })]
    })
}
