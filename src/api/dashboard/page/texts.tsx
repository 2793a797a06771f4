/** How good the texts are that a language model writes: what feedback said of them, and what they are like. */
import type { Quality, Version } from '../../../client/answers.ts'
import { number, share, whole } from './format.tsx'

/** Whether the model writes texts, by its quality. */
export function hasTexts({ completions }: Quality): boolean {
  return completions !== undefined
}

export function Texts({ quality }: { readonly quality: Quality }) {
  const { completions, pairs, ratings, answers } = quality
  const rows = [
    row('loss of a token', completions, number, 'token_loss'),
    row('perplexity', completions, number, 'perplexity'),
    row('pairs in the right order', pairs, share, 'reward_accuracy'),
    row('rated up', ratings, share, 'up'),
    row('characters of an answer', answers, number, 'characters'),
    row('repeated in an answer', answers, share, 'repetition'),
  ].filter(({ events }) => events > 0)
  if (rows.length === 0) return <p class="note">No feedback has come yet.</p>
  return (
    <table id="texts">
      <thead>
        <tr>
          <th scope="col">before it was learned</th>
          <th scope="col" class="right">
            recent
          </th>
          <th scope="col" class="right">
            all
          </th>
          <th scope="col" class="right">
            examples
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ name, recent, all, events }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td class="right">{recent}</td>
            <td class="right">{all}</td>
            <td class="right">{whole(events)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** `key` names the mean over all, and with `_recent` that of recent ones. */
function row(
  name: string,
  part: object | undefined,
  shown: (value: number) => string,
  key: string,
) {
  const values = (part ?? {}) as Readonly<Record<string, number | undefined>>
  const of = (value: number | undefined) => (value === undefined ? '' : shown(value))
  return {
    name,
    events: values.events ?? 0,
    recent: of(values[`${key}_recent`]),
    all: of(values[key]),
  }
}

/** The share of the thumbs on answers of a version that are up; undefined without thumbs. */
export function ratedUp({ served }: Version): number | undefined {
  const rated = served?.parts?.strata.find(({ name }) => name === 'rating')
  return rated === undefined || rated.count === 0 ? undefined : 1 - rated.error
}
