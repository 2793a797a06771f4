/** The version on trial: what it answers, how it does beside the live one, and how the trial ends. */
import type { Model, Trial } from '../../../client/answers.ts'
import { age, errorOf, whole } from './format.tsx'
import type { Move } from './move.tsx'

interface Props {
  readonly model: Model
  readonly onMove: (move: Move) => void
}

export function TrialPanel({ model, onMove }: Props) {
  const { trial, live } = model
  const { canary, shadow } = live ?? {}
  const kind = canary === undefined ? 'shadow' : 'canary'
  const routed = canary ?? shadow
  if (routed === undefined) return null
  const { version } = routed
  return (
    <section aria-labelledby="trial-title">
      <h2 id="trial-title">On trial: {version}</h2>
      <p>
        {canary === undefined
          ? 'Shadow: it is computed for each request and never returned.'
          : `Canary: it answers ${Number((100 * canary.share).toPrecision(3))} % of the requests.`}{' '}
        {trial !== undefined &&
          (trial.by === 'person' ? 'A person ends the trial.' : 'Its policy decides.')}
        {trial?.since !== undefined && ` This stage is ${age(trial.since)} old.`}
      </p>
      {trial !== undefined && (
        <table>
          <thead>
            <tr>
              <th scope="col">version</th>
              <th scope="col" class="right">
                error
              </th>
              <th scope="col" class="right">
                judged
              </th>
            </tr>
          </thead>
          <tbody>
            <ArmRow name={version} arm={trial.candidate} model={model} />
            <ArmRow name={`${live?.version ?? ''} (live)`} arm={trial.live} model={model} />
          </tbody>
        </table>
      )}
      {trial?.compared !== undefined && trial.compared > 0 && (
        <p class="note">
          {whole(trial.agreed ?? 0)} of {whole(trial.compared)} answers are the same.
        </p>
      )}
      {trial?.waiting !== undefined && <p class="note">{trial.waiting} is next.</p>}
      <div class="buttons left">
        <button class="small" onClick={() => onMove({ kind: 'promote', version })}>
          Promote {version}
        </button>
        <button class="small" onClick={() => onMove({ kind: 'end', of: kind, version })}>
          End the trial
        </button>
      </div>
    </section>
  )
}

interface ArmProps {
  readonly name: string
  readonly arm: Trial['live']
  readonly model: Model
}

function ArmRow({ name, arm: { judged, error }, model }: ArmProps) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td class="right">{errorOf(model, error)}</td>
      <td class="right">{whole(judged)}</td>
    </tr>
  )
}
