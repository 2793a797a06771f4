/** How versions answer the rows of a file, whose right answers are known. Nothing is learned from them. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Evaluation, Model } from '../../../client/answers.ts'
import { modelPath, Refusal, send, textOf } from './client.tsx'
import { Fault, Head } from './elements.tsx'
import { figure, plural, whole } from './format.tsx'
import { Confusion, Strata } from './quality.tsx'
import { rowsOf, type FileRow } from './rows.tsx'

type VersionScore = NonNullable<Evaluation['report']['version']>

/** Rows of a request: few until it is known how long they take. A text takes seconds. */
const ROWS = { first: 8, most: 128, quickMs: 1000, slowMs: 10_000 }
/** Of the rows of a request; its tally needs room too. */
const MOST_CHARACTERS = 60_000
const BUSY_MS = 1000

interface Progress {
  /** Rows that no request has had yet. */
  readonly left: number
  readonly found?: Evaluation | undefined
  /** Rows that say nothing to compare with. */
  readonly refused: readonly string[]
}

export function EvaluatePanel({ model }: { readonly model: Model }) {
  const right = model.signals.find(({ about }) => about === 'input')
  const [field = 'label'] = Object.keys(right?.words ?? {})
  const isClosed = useRef(false)
  const [progress, setProgress] = useState<Progress>({ left: 0, refused: [] })
  const [fault, setFault] = useState('')
  useEffect(
    () => () => {
      isClosed.current = true
    },
    [],
  )
  const isText = model.reads.some(({ name }) => name === 'text')
  const evaluate = async (form: FormData) => {
    const of = (name: string) => {
      const value = form.get(name)
      return typeof value === 'string' ? value.trim() : ''
    }
    setFault('')
    try {
      const columns = { text: isText ? of('text') : undefined, answer: of('answer'), field }
      const rows = rowsOf(await (form.get('file') as File).text(), columns)
      const [version, against] = [of('version'), of('against')]
      const versions = { ...(version && { version }), ...(against && { against }) }
      for await (const each of evaluated(modelPath(model.model, '/evaluate'), rows, versions)) {
        if (isClosed.current) return
        setProgress(each)
      }
    } catch (error) {
      setProgress({ left: 0, refused: [] })
      setFault(error instanceof SyntaxError ? error.message : textOf(error))
    }
  }
  const { left, found, refused } = progress
  const input = (label: string, name: string, value = '', placeholder = '') => (
    <label class="field">
      {label}
      <input {...{ name, placeholder, defaultValue: value, required: value !== '' }} />
    </label>
  )
  return (
    <section aria-labelledby="evaluate-title">
      <details>
        <summary>
          <h2 id="evaluate-title">Evaluate a file</h2>
        </summary>
        <form
          onSubmit={(event) => {
            event.preventDefault()
            void evaluate(new FormData(event.currentTarget))
          }}
        >
          <label class="field">
            Rows with known answers (CSV or JSONL); nothing is learned from them
            <input required type="file" name="file" />
          </label>
          <div class="inline three">
            {isText && input('Text column', 'text', 'text')}
            {input('Answer column', 'answer', field === 'label' ? field : `event.${field}`)}
          </div>
          <div class="inline three">
            {input('Version', 'version', '', 'live')}
            {input('Against', 'against', '', 'none')}
            <button disabled={left > 0}>Evaluate</button>
          </div>
        </form>
        <Fault message={fault} />
        <div aria-live="polite">
          {left > 0 && <p class="note">{plural(left, 'row')} left</p>}
          {found !== undefined && <Report {...found} />}
        </div>
        {refused.length > 0 && (
          <>
            <p>{plural(refused.length, 'row')} left out:</p>
            <ul class="plain">
              {refused.slice(0, 5).map((each) => (
                <li key={each}>{each}</li>
              ))}
            </ul>
          </>
        )}
      </details>
    </section>
  )
}

/** Each request carries the counts of those before, so that the last answer is that of the file. */
async function* evaluated(
  path: string,
  rows: readonly FileRow[],
  versions: object,
): AsyncGenerator<Progress> {
  const refused: string[] = []
  let found: Evaluation | undefined
  let { first: size, most } = ROWS
  for (let at = 0; at < rows.length;) {
    yield { left: rows.length - at, found, refused }
    const part = fitting(rows.slice(at, at + size))
    const refuse = (index: number, error: Refusal) =>
      refused.push(`line ${part[index]?.line}: ${textOf(error)}`)
    const begunMs = Date.now()
    try {
      const counted = found === undefined ? versions : { tally: found.tally }
      found = await send<Evaluation>('POST', path, { ...counted, rows: part.map(({ row }) => row) })
      for (const { index, code, message: detail, fix } of found.rejected)
        refuse(index, new Refusal(0, { code, detail, fix }))
    } catch (error) {
      const status = error instanceof Refusal ? error.status : 0
      if (status === 429) {
        await new Promise((resolve) => setTimeout(resolve, BUSY_MS))
        continue
      }
      if (status !== 413) throw error
      if (part.length > 1) {
        size = most = Math.ceil(part.length / 2)
        continue
      }
      refuse(0, error as Refusal)
    }
    at += part.length
    const tookMs = Date.now() - begunMs
    if (tookMs < ROWS.quickMs) size = Math.min(most, 2 * size)
    else if (tookMs > ROWS.slowMs) size = Math.ceil(size / 2)
  }
  yield { left: 0, found, refused }
}

/** At least one. */
function fitting(rows: readonly FileRow[]): readonly FileRow[] {
  let room = MOST_CHARACTERS
  const end = rows.findIndex(({ row }) => (room -= JSON.stringify(row).length) < 0)
  return end === -1 ? rows : rows.slice(0, Math.max(1, end))
}

const verdicts: Readonly<Record<string, string>> = {
  better: 'is better than',
  worse: 'is worse than',
  undecided: 'is not shown to differ from',
}

function Report({ report }: Evaluation) {
  const { rows, version, against, difference: gap, measure } = report
  if (version === undefined) return <p class="note">No row could be evaluated.</p>
  const isShare = measure === 'accuracy'
  const of = (value: number) => figure({ better: isShare ? 'higher' : 'lower' }, value)
  const range = ({ low, high }: Partial<VersionScore>, unit = of) =>
    low === undefined || high === undefined ? '' : `${unit(low)} to ${unit(high)}`
  const points = (value: number) =>
    `${value > 0 ? '+' : ''}${isShare ? (100 * value).toFixed(1) : of(value)}`
  return (
    <>
      <table>
        <Head
          columns={['version', measure.replace('_', ' ')]}
          numbers={['95 % interval', 'rows']}
        />
        <tbody>
          {[version, against].map(
            (each) =>
              each && (
                <tr key={each.version}>
                  <th scope="row">{each.version}</th>
                  <td>{of(each.mean)}</td>
                  <td class="right">{range(each)}</td>
                  <td class="right">{whole(rows)}</td>
                </tr>
              ),
          )}
        </tbody>
      </table>
      {gap && (
        <p>
          {version.version} {verdicts[gap.verdict]} {against?.version}: {points(gap.mean)}
          {isShare && ' points'}, 95 % interval {range(gap, points)}; better on {whole(gap.better)}{' '}
          rows, worse on {whole(gap.worse)}.
        </p>
      )}
      {version.strata && <Labels {...version} strata={version.strata} />}
    </>
  )
}

/** As many as a person reads. */
const MOST_LABELS = 20

function Labels({ strata, confusion = [] }: VersionScore & Required<Pick<VersionScore, 'strata'>>) {
  const listed = strata.slice(0, MOST_LABELS)
  const names = listed.map(({ name }) => name)
  const place = (name: string) => (names.includes(name) ? names.indexOf(name) : names.length)
  const counts = [...names, ''].map(() => [...names, ''].map(() => 0))
  for (const { said, right, count } of confusion) {
    const row = counts[place(right)]
    const column = place(said)
    if (row !== undefined) row[column] = (row[column] ?? 0) + count
  }
  return (
    <>
      <Strata
        strata={listed.map(({ name, count, ...rest }) => ({
          label: name,
          support: count,
          ...rest,
        }))}
        others={strata.length - listed.length}
        forgetting={undefined}
      />
      <Confusion labels={names} counts={counts} />
    </>
  )
}
