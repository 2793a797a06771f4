/** How good the answers are: each label, what is confused with what, each source. */
import { useState } from 'preact/hooks'
import type { Quality, SliceGap, SourceWorths, Version } from '../../../client/answers.ts'
import { modelPath, Refusal, textOf, useFresh } from './client.tsx'
import { Bar, Head } from './elements.tsx'
import { FEWEST, number, share, whole } from './format.tsx'

interface Props {
  readonly quality: Quality | undefined
  /** The task's name for the score. */
  readonly score: string
  readonly error: unknown
  /** Between slices, of what the live version answered. */
  readonly servedGap: SliceGap | undefined
  /** Whose sources can be taken out of its sums; absent: they cannot. */
  readonly summed: string | undefined
}

export function QualityPanel({ quality, score, error, servedGap, summed }: Props) {
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
          <OfTask {...{ quality, score }} />
          {quality.calibration !== undefined && quality.calibration.events > 0 && (
            <p>{calibrationText(quality.calibration)}</p>
          )}
          {quality.sure !== undefined && <p>{sureText(quality.sure)}</p>}
          {quality.confusion !== undefined && <Confusion {...quality.confusion} />}
          {quality.slices !== undefined && quality.slices.length > 0 && (
            <Shares
              what="slice"
              score={score}
              rows={quality.slices.map((each) => ({ name: each.slice, ...each }))}
            />
          )}
          {quality.slice_gap !== undefined && <p>{gapText(quality.slice_gap)}</p>}
          {servedGap !== undefined && <p>Of the answers served: {gapText(servedGap)}</p>}
          {quality.sources.length > 1 && (
            <Shares
              what="source"
              score={score}
              rows={quality.sources.map((each) => ({ name: each.source, ...each }))}
            />
          )}
          {summed !== undefined && <Worths model={summed} />}
        </>
      )}
    </section>
  )
}

interface OfTaskProps {
  readonly quality: Quality
  readonly score: string
}

function OfTask({ quality, score }: OfTaskProps) {
  if (hasTexts(quality)) return <Texts quality={quality} />
  if (quality.labels === undefined) return <Numbers {...{ quality, score }} />
  const { micro_f1: micro, macro_f1: macro, coverage } = quality
  return (
    <>
      {micro !== undefined && (
        <p id="f1">
          F1 {share(micro)} over all labels (micro), {share(macro)} on average of the labels
          (macro); {share(coverage)} of the answers name a label.
        </p>
      )}
      <Strata
        strata={quality.labels}
        others={quality.other_labels?.labels ?? 0}
        forgetting={quality.forgetting}
      />
    </>
  )
}

/** A fall of less than this is noise. */
const LEAST_FALL = 0.02

export function Strata({ strata, others, forgetting }: StrataProps) {
  if (strata.length === 0) return <p class="note">No feedback has come yet.</p>
  return (
    <>
      <table>
        <Head columns={['label', 'found']} numbers={['precision', 'examples']} />
        <tbody>
          {strata.map(({ label, recall, precision, support, ...row }) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              <td>
                <Bar value={recall ?? 0} /> {share(recall)}
                {(row.forgetting ?? 0) >= LEAST_FALL && (
                  <small class="fall" title={`at its best it was ${share(row.recall_best)}`}>
                    {' '}
                    ▼ {share(row.forgetting)}
                  </small>
                )}
              </td>
              <td class="right">{share(precision)}</td>
              <td class="right">{whole(support)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {others > 0 && <p class="note">{whole(others)} more labels, with fewer examples.</p>}
      {forgetting !== undefined && (
        <p class="note" id="forgetting">
          Forgetting {share(forgetting)}: how far a label is found less often now (▼) than at its
          best, on average.
        </p>
      )}
    </>
  )
}

type Label = NonNullable<Quality['labels']>[number]
/** Of rows of a file there is no past. */
type Stratum = Pick<Label, 'label' | 'support' | 'precision' | 'recall'> &
  Partial<Pick<Label, 'recall_best' | 'forgetting'>>

interface StrataProps {
  /** Those with the most examples. */
  readonly strata: readonly Stratum[]
  /** How many are not among them. */
  readonly others: number
  readonly forgetting: number | undefined
}

const OTHER = '(other)'

export function Confusion({ labels, counts }: NonNullable<Quality['confusion']>) {
  const all = counts.flat()
  const most = Math.max(1, ...all)
  const other = labels.length
  // The last row and column are all that the names do not cover: answers before a label existed among them.
  const hasOther = counts.some((row, at) => (at === other ? row : row.slice(other)).some(Boolean))
  const names = hasOther ? [...labels, OTHER] : labels
  if (names.length < 2) return null
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label="Confusion">
      <table class="confusion">
        <caption>
          Right label in rows, answer in columns
          {hasOther && `; ${OTHER}: a label without a column, or no answer yet`}
        </caption>
        <thead>
          <tr>
            <td />
            {names.map((label) => (
              <th scope="col" key={label}>
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {names.map((label, row) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              {names.map((answer, column) => {
                const count = counts[row]?.[column] ?? 0
                const depth = count === 0 ? 0 : Math.ceil((4 * count) / most)
                const isHit = row === column && row !== other
                return (
                  <td key={answer} class={`${isHit ? 'hit' : 'miss'}${depth}`}>
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

interface SharesProps {
  readonly what: string
  readonly score: string
  readonly rows: readonly {
    readonly name: string
    readonly count: number
    readonly accuracy_recent: number
  }[]
}

function Shares({ what, score, rows }: SharesProps) {
  return (
    <table>
      <Head columns={[what, `recent ${score}`]} numbers={['examples']} />
      <tbody>
        {rows.map(({ name, accuracy_recent, count }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>
              {count < FEWEST ? (
                '–'
              ) : (
                <>
                  <Bar value={accuracy_recent} /> {share(accuracy_recent)}
                </>
              )}
            </td>
            <td class="right">{whole(count)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** It takes the time of the trainer: only when a person asks. */
function Worths({ model }: { readonly model: string }) {
  const [path, setPath] = useState<string>()
  const { answer, error, reload } = useFresh<SourceWorths>(path, '')
  const ask = () => {
    setPath(modelPath(model, '/sources'))
    reload()
  }
  return (
    <>
      <p>
        <button type="button" onClick={ask}>
          What is each source worth?
        </button>
      </p>
      {error !== undefined && <p class="note">{textOf(error)}</p>}
      {answer !== undefined && (
        <table>
          <caption>
            {answer.version} on {whole(answer.rows)} {answer.from} rows, with and without each
            source
          </caption>
          <Head
            columns={['source']}
            numbers={['examples', 'with', 'without', 'worth', 'agreement']}
          />
          <tbody>
            {answer.sources.map((each) => (
              <tr key={each.source ?? ''}>
                <th scope="row">{each.source ?? '(others)'}</th>
                <td class="right">{whole(each.examples)}</td>
                <td class="right">{share(each.accuracy)}</td>
                <td class="right">{share(each.accuracy_without)}</td>
                <td class="right">{worthText(each.worth)}</td>
                <td class="right">{each.agreement === undefined ? '–' : share(each.agreement)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  )
}

function worthText(worth: number): string {
  return `${worth < 0 ? '−' : '+'}${share(Math.abs(worth))}`
}

export function gapText({ best, worst, points, low, high }: SliceGap): string {
  const span = `${low.toFixed(1)} to ${high.toFixed(1)}`
  return `${worst} is ${points.toFixed(1)} points below ${best} (${span}${low > 0 ? '' : ', may be chance'}).`
}

function calibrationText({
  ece,
  ece_uncalibrated: raw,
  temperature,
}: NonNullable<Quality['calibration']>): string {
  const without = ` (${share(raw)} without the temperature of ${number(temperature)})`
  return `The scores of answers are off by ${share(ece)} from how often such answers are right${without}.`
}

function sureText({ threshold, coverage, accuracy }: NonNullable<Quality['sure']>): string {
  const right = accuracy === null ? '' : `; ${share(accuracy)} of these are right`
  return `${share(coverage)} of the answers have a score of at least ${number(threshold)}${right}.`
}

/** A task without labels: its numbers as they are. */
function Numbers({ quality, score }: OfTaskProps) {
  const rows = Object.entries(quality).filter(([, value]) => typeof value === 'number')
  return (
    <table class="facts">
      <tbody>
        {rows.map(([name, value]) => (
          <tr key={name}>
            <th scope="row">
              {name
                .replace(/^accuracy/, score)
                .replace(/^mae/, 'mean error')
                .replaceAll('_', ' ')}
            </th>
            <td>{number(value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/**
 * How good the texts are that a language model writes: what feedback said of them, and what they are like.
 *
 * Whether the model writes texts, by its quality.
 */
function hasTexts({ completions }: Quality): boolean {
  return completions !== undefined
}

function Texts({ quality }: { readonly quality: Quality }) {
  const { completions, pairs, ratings, rewards, answers } = quality
  const rows = [
    row('loss of a token', completions, number, 'token_loss'),
    row('perplexity', completions, number, 'perplexity'),
    row('pairs in the right order', pairs, share, 'reward_accuracy'),
    row('rated up', ratings, share, 'up'),
    row('reward of answers', rewards, share, 'reward'),
    row('characters of an answer', answers, number, 'characters'),
    row('repeated in an answer', answers, share, 'repetition'),
  ].filter(({ events }) => events > 0)
  if (rows.length === 0) return <p class="note">No feedback has come yet.</p>
  return (
    <table id="texts">
      <Head columns={['before it was learned']} numbers={['recent', 'all', 'examples']} />
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
