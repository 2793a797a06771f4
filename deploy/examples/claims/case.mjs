/** Claims with a table, a note and a photo: one model reads all of it, three read a part each. */
import { mostFrequent, share } from '../baselines.mjs'
import { claims } from './rows.mjs'

export const summary =
  'claims with an amount, a note and a photo: what each part says alone, all together, and without a photo'

export async function play({ model, random, small, say }) {
  const taught = claims(random, 'taught', small ? 16 : 320)
  const asked = claims(random, 'asked', small ? 24 : 400)
  const frequent = mostFrequent(taught.map(({ outcome }) => outcome))
  const parts = {
    table: ({ note: _note, photo: _photo, ...features }) => ({ features }),
    note: ({ note }) => note && { text: note },
    photo: ({ photo }) => photo,
    claims: (fields) => ({ fields }),
  }
  const answers = { frequent: asked.map(() => frequent) }
  for (const [name, inputOf] of Object.entries(parts)) {
    const events = taught.flatMap(({ fields, outcome }) => {
      const input = inputOf(fields)
      return input === undefined ? [] : [{ input, label: outcome }]
    })
    say(`${events.length} claims for the model ${name}`)
    await model(name).teach(events)
    const inputs = asked.map(({ fields }) => inputOf(fields))
    const known = inputs.filter((input) => input !== undefined)
    const found = (await model(name).ask(known)).map(({ label }) => label)
    answers[name] = inputs.map((input) => (input === undefined ? frequent : found.shift()))
  }
  const row = (name, given) => {
    const right = (rows) => share(rows, (claim) => given[asked.indexOf(claim)] === claim.outcome)
    const [withPhoto, without] = [true, false].map((has) =>
      asked.filter(({ fields }) => 'photo' in fields === has),
    )
    return [name, right(asked), right(withPhoto), right(without)]
  }
  return [
    {
      title: 'right outcomes of claims that were never taught',
      columns: ['all', 'with photo', 'without photo'],
      rows: [
        row('the most frequent outcome', answers.frequent),
        row('the table alone', answers.table),
        row('the note alone; without one, the most frequent', answers.note),
        row('the photo alone; without one, the most frequent', answers.photo),
        row('all fields', answers.claims),
      ],
    },
  ]
}
