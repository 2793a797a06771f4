/** How the model is, in one line, and the way back. */
import type { ComponentChildren } from 'preact'
import type { Model } from './answers.tsx'
import { textOf } from './client.tsx'
import { age, share, whole } from './format.tsx'

interface Props {
  readonly model: Model
  /** Why no samples come; undefined while they do. */
  readonly lost: unknown
  readonly onRollBack: () => void
  readonly onPause: (by: 'pause' | 'resume') => void
}

export function Summary({ model, lost, onRollBack, onPause }: Props) {
  const { live, prequential, trainer, faults = [], failed_swap: failed, judged_by: judged } = model
  const isPaused = trainer.state === 'paused'
  const troubles = [
    ...(lost === undefined ? [] : [`not live: ${textOf(lost)}`]),
    ...(trainer.message === undefined ? [] : [`trainer: ${trainer.message}`]),
    ...(failed === undefined ? [] : [`${failed.version} cannot be loaded: ${failed.message}`]),
    ...faults.map(({ code, message }) => `${code}: ${message}`),
  ]
  return (
    <section aria-label={`State of ${model.model}`}>
      <div class="state">
        <dl>
          <Fact name="live">
            <strong id="live">{live?.version ?? 'none yet'}</strong>
            {live !== null && <small>for {age(live.since)}</small>}
          </Fact>
          <Fact name={model.score.name} meaning={model.score.meaning}>
            <strong id="accuracy">
              {prequential.count === 0 ? '–' : (judged ?? share(prequential.accuracy_recent))}
            </strong>
            <small>{judged === undefined ? 'recent' : 'trust a source to know'}</small>
          </Fact>
          <Fact name="learned">
            <strong>{whole(model.counts.learned)}</strong>
            <small>events</small>
          </Fact>
          <Fact name="lag">
            <strong>
              {whole(model.lag)}
              {model.lag_unknown !== undefined && ' + ?'}
            </strong>
            <small>{whole(model.pending)} pending</small>
          </Fact>
          {model.drift !== undefined && (
            <Fact name="drift">
              <strong>{whole(model.drift.alarms)}</strong>
              <small>alarms</small>
            </Fact>
          )}
          <Fact name="trainer">
            <strong>{trainer.state}</strong>
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
