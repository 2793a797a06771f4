/** How good the answers are: each label, what is confused with what, each source. */
import type { Quality } from './answers.tsx'
import { Refusal, textOf } from './client.tsx'
import { number, share, whole } from './format.tsx'

interface Props {
  readonly quality: Quality | undefined
  readonly error: unknown
}

/** More columns than this do not fit. */
const MOST_CONFUSED = 10

export function QualityPanel({ quality, error }: Props) {
  const isEarly = error instanceof Refusal && error.code === 'NOT_READY'
  return (
    <section aria-labelledby="quality-title">
      <h2 id="quality-title">Quality</h2>
      {quality === undefined && (
        <p class="note">
          {error === undefined || isEarly ? 'The trainer has not reported yet.' : textOf(error)}
        </p>
      )}
      {quality !== undefined && (
        <>
          {quality.labels === undefined ? (
            <Numbers quality={quality} />
          ) : (
            <Strata strata={quality.labels} />
          )}
          {quality.confusion !== undefined && <Confusion {...quality.confusion} />}
          {quality.sources.length > 1 && <Sources sources={quality.sources} />}
        </>
      )}
    </section>
  )
}

function Strata({ strata }: { readonly strata: NonNullable<Quality['labels']> }) {
  if (strata.length === 0) return <p class="note">No feedback has come yet.</p>
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">label</th>
          <th scope="col">found</th>
          <th scope="col" class="right">
            precision
          </th>
          <th scope="col" class="right">
            examples
          </th>
        </tr>
      </thead>
      <tbody>
        {strata.map(({ label, recall, precision, support }) => (
          <tr key={label}>
            <th scope="row">{label}</th>
            <td>
              <Bar value={recall ?? 0} /> {share(recall)}
            </td>
            <td class="right">{share(precision)}</td>
            <td class="right">{whole(support)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

export function Bar({ value }: { readonly value: number }) {
  return (
    <svg class="bar" viewBox="0 0 60 8" aria-hidden="true">
      <rect class="track" width="60" height="8" rx="4" />
      <rect class="fill" width={60 * Math.min(1, Math.max(0, value))} height="8" rx="4" />
    </svg>
  )
}

function Confusion({ labels, counts }: NonNullable<Quality['confusion']>) {
  if (labels.length < 2 || labels.length > MOST_CONFUSED) return null
  const most = Math.max(1, ...counts.flat())
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label="Confusion">
      <table class="confusion">
        <caption>Right label in rows, answer in columns</caption>
        <thead>
          <tr>
            <td />
            {labels.map((label) => (
              <th scope="col" key={label}>
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {labels.map((label, row) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              {labels.map((answer, column) => {
                const count = counts[row]?.[column] ?? 0
                const depth = count === 0 ? 0 : Math.ceil((4 * count) / most)
                return (
                  <td key={answer} class={`${row === column ? 'hit' : 'miss'}${depth}`}>
                    {whole(count)}
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Sources({ sources }: Pick<Quality, 'sources'>) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">source</th>
          <th scope="col">accuracy</th>
          <th scope="col" class="right">
            examples
          </th>
        </tr>
      </thead>
      <tbody>
        {sources.map(({ source, accuracy_recent, count }) => (
          <tr key={source}>
            <th scope="row">{source}</th>
            <td>
              <Bar value={accuracy_recent} /> {share(accuracy_recent)}
            </td>
            <td class="right">{whole(count)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** A task without labels: its numbers as they are. */
function Numbers({ quality }: { readonly quality: Quality }) {
  const rows = Object.entries(quality).filter(([, value]) => typeof value === 'number')
  return (
    <table class="facts">
      <tbody>
        {rows.map(([name, value]) => (
          <tr key={name}>
            <th scope="row">{name.replaceAll('_', ' ')}</th>
            <td>{number(value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
