/** How the model is, in one line, and the way back. */
import type { ComponentChildren } from 'preact'
import type { Model, Quality } from '../../../client/answers.ts'
import { textOf } from './client.tsx'
import { age, FEWEST, figure, plural, share, whole } from './format.tsx'

interface Props {
  readonly model: Model
  readonly quality: Quality | undefined
  /** Why no samples come; undefined while they do. */
  readonly lost: unknown
  readonly onRollBack: () => void
  readonly onPause: (by: 'pause' | 'resume') => void
}

export function Summary({ model, quality, lost, onRollBack, onPause }: Props) {
  const { live, headline, trainer, judged_by: judged, counts } = model
  const isPaused = trainer.state === 'paused'
  const troubles = troublesOf(model, lost)
  const { unanswered = 0 } = counts
  const { ratings } = quality ?? {}
  const now = nowOf(model)
  return (
    <section aria-label={`State of ${model.model}`}>
      <div class="state">
        <dl>
          <Fact name="live">
            <strong id="live">{live?.version ?? 'none yet'}</strong>
            {live !== null && <small>for {age(live.since)}</small>}
          </Fact>
          <Fact name={headline.name} meaning={headline.meaning}>
            <strong id="accuracy">{judged ?? figure(headline, headline.recent)}</strong>
            <small>{judged === undefined ? 'recent' : 'trust a source to know'}</small>
          </Fact>
          {now !== undefined && (
            <Fact name={`${headline.name} now`} meaning="of the live version alone">
              <strong id="now">{now[0]}</strong>
              <small>{now[1]}</small>
            </Fact>
          )}
          <Fact name="since the start" meaning="all examples, each answered before it was learned">
            <strong id="all">{figure(headline, headline.all)}</strong>
            <small>
              {whole(model.prequential.count)} judged
              {unanswered > 0 && `, ${whole(unanswered)} before anything was learned`}
            </small>
          </Fact>
          {ratings !== undefined && ratings.events > 0 && (
            <Fact name="rated up" meaning="share of the recent thumbs that are up">
              <strong id="thumbs">
                {ratings.events < FEWEST
                  ? whole(Math.round(ratings.up * ratings.events))
                  : share(ratings.up_recent)}
              </strong>
              <small>of {plural(ratings.events, 'thumb')}</small>
            </Fact>
          )}
          <Fact name="learned">
            <strong>{whole(counts.learned)}</strong>
            <small>events</small>
          </Fact>
          <Fact name="lag" meaning="accepted, not read yet">
            <strong>
              {whole(model.lag)}
              {model.lag_unknown !== undefined && ' + ?'}
            </strong>
            <small title="read, and learned with the next update">
              {whole(model.pending)} pending
            </small>
          </Fact>
          {model.drift !== undefined && (
            <Fact name="drift">
              <strong>{whole(model.drift.alarms)}</strong>
              <small>alarms</small>
            </Fact>
          )}
          <Fact name="trainer">
            <strong id="trainer">{trainerText(trainer)}</strong>
            <small>
              {model.base}, {model.method}
            </small>
          </Fact>
        </dl>
        <span class="buttons">
          <button onClick={() => onPause(isPaused ? 'resume' : 'pause')}>
            {isPaused ? 'Resume learning' : 'Pause learning'}
          </button>
          <button class="main" disabled={live === null} onClick={onRollBack}>
            Roll back…
          </button>
        </span>
      </div>
      {troubles.length > 0 && (
        <ul class="troubles" role="alert">
          {troubles.map((each) => (
            <li key={each}>{each}</li>
          ))}
        </ul>
      )}
    </section>
  )
}

function trainerText({ state, learning }: Model['trainer']): string {
  if (learning === undefined) return state
  const { step, of, seconds = 0 } = learning
  return `learning, step ${step} of ${of}, ${seconds} s`
}

/** How the live version does by itself, and by what; undefined where answers are not right or wrong. */
function nowOf({
  headline,
  score,
  held_out: held,
  served,
}: Model): readonly [string, string] | undefined {
  const isLoss = headline.name === 'loss'
  if (headline.name !== score.name && !isLoss) return undefined
  if (held !== undefined && held.count >= FEWEST)
    return [figure(headline, isLoss ? held.loss : held.accuracy), `${whole(held.count)} held out`]
  if (isLoss) return undefined
  const { count = 0, error = 0 } = served ?? {}
  return count < FEWEST
    ? ['–', `${count} of ${FEWEST} answers judged`]
    : [share(1 - error), `${plural(count, 'answer')} judged`]
}

/** Each fault once: that of the trainer and a swap that failed are among the faults. */
function troublesOf({ trainer, faults = [] }: Model, lost: unknown): readonly string[] {
  const { message: said } = trainer
  const isOwn = said !== undefined && faults.every(({ message }) => message !== said)
  const texts = faults.map(({ code, message, fix }) => {
    return [[code, message].filter(Boolean).join(': '), fix].filter(Boolean).join('. ')
  })
  return [
    ...(lost === undefined ? [] : [`not live: ${textOf(lost)}`]),
    ...(isOwn ? [`trainer: ${said}`] : []),
    ...new Set(texts),
  ]
}

interface FactProps {
  readonly name: string
  readonly meaning?: string
  readonly children: ComponentChildren
}

function Fact({ name, meaning, children }: FactProps) {
  return (
    <div title={meaning}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
