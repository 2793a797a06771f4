/** Summaries in a house format, learned from what an editor makes of the answers. */
import { reports } from './rows.mjs'

export const summary =
  'a language model summarises reports; an editor rewrites its answers into the format of the house, which then changes'

export async function play({ model, random, small, say }) {
  const summaries = model('summaries')
  const asked = reports(random, 'asked', small ? 2 : 12)
  const old = reports(random, 'taught', small ? 4 : 40)
  const changed = reports(random, 'taught', small ? 4 : 24)

  say(`${asked.length} reports to ask, before anything is taught`)
  const before = await answers(asked)
  say(`${old.length} answers, each rewritten by the editor`)
  await edit(old, ({ line }) => line)
  const taught = await answers(asked)
  say(`the house wants the halt at the end of each line: ${changed.length} more edits`)
  await edit(changed, ({ newLine }) => newLine)
  const after = await answers(asked)

  const first = asked.map(({ report }) => report.split('. ')[0])
  const columns = ['first sentence', 'untaught', `${old.length} edits`, `${changed.length} more`]
  const all = [first, before, taught, after]
  const row = (name, right) => [
    name,
    ...all.map((texts) => share(texts, (text, at) => right(text, asked[at].facts))),
  ]
  return [
    {
      title: `lines about ${asked.length} reports of other machines, people, faults and words`,
      columns,
      rows: [
        row('format of the house', (text) => OLD.test(text)),
        row('format after the change', (text) => NEW.test(text)),
        row('names the machine', (text, { machine }) => text.includes(machine)),
        row('names the fault', (text, { fault }) => text.includes(fault)),
        row('names the owner', (text, { who }) => text.includes(who)),
        row('names the halt', (text, { halt }) => text.includes(halt)),
      ],
    },
    {
      title: asked[0].report,
      columns: [],
      rows: [
        [`untaught: ${oneLine(before[0])}`],
        [`taught:   ${oneLine(taught[0])}`],
        [`changed:  ${oneLine(after[0])}`],
      ],
    },
  ]

  async function answers(rows) {
    const given = await summaries.ask(rows.map(inputOf), {
      generate: { temperature: 0, max_tokens: 40 },
    })
    return given.map(({ text }) => text.trim())
  }

  /** The editor sees each answer, and what feedback needs is its id. */
  async function edit(rows, rewritten) {
    const given = await summaries.ask(rows.map(inputOf), {
      generate: { temperature: 0, max_tokens: 24 },
    })
    await summaries.teach(
      rows.map((row, at) => ({
        prediction_id: given[at].id,
        correction: rewritten(row),
      })),
    )
  }
}

const OLD = /^\[[^\]|]+\] [^|]+ \| owner: [^|]+$/
const NEW = /^\[[^\]|]+\] [^|]+ \| owner: [^|]+ \| halt: [^|]+$/

function inputOf({ report }) {
  return {
    messages: [{ role: 'user', content: `Summarise: ${report}` }],
  }
}

function share(texts, right) {
  return texts.filter(right).length / texts.length
}

function oneLine(text) {
  return text.replaceAll(/\s+/g, ' ')
}
