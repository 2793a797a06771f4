/** Requests to forget: how far each is, and what its certificate says. Hidden where there is none. */
import type { ForgetRequest, ForgetRequests } from '../../../client/answers.ts'
import { modelPath } from './client.tsx'
import { clockTime, plural, whole } from './format.tsx'
import { useFresh } from './fresh.tsx'

interface Props {
  readonly name: string
  readonly isKnown: boolean
  readonly round: number
  /** Changes with everything that the trainer does. */
  readonly now: unknown
}

export function ForgetPanel({ name, isKnown, round, now }: Props) {
  const path = isKnown ? modelPath(name, '/forget?limit=5') : undefined
  const list = useFresh<ForgetRequests>(path, `${round} ${String(now)}`)
  const requests = list.answer?.requests ?? []
  if (requests.length === 0) return null
  return (
    <section aria-labelledby="forget-title">
      <h2 id="forget-title">Forgotten for good</h2>
      <ul class="plain">
        {requests.map((each) => (
          <li key={each.request}>
            <code>{each.request}</code> <b>{each.state}</b>{' '}
            {each.certificate === undefined ? (
              <Progress {...each} />
            ) : (
              <Certified certificate={each.certificate} />
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}

function Progress(asked: ForgetRequest) {
  const { request, blocked, events, learned_again: again = 0, left = again } = asked
  return (
    <>
      {asked.waiting_for === 'resume' && <small>waits until learning is resumed </small>}
      {asked.waiting_for === 'budget' && <small>waits for the budget of the hour </small>}
      {blocked !== undefined && <small>waits: the trainer has failed, {blocked.code} </small>}
      {events !== undefined && <small>{plural(events, 'event')} erased </small>}
      {again > 0 && (
        <>
          <progress max={again} value={again - left} aria-label={`${request}: learned again`} />{' '}
          <small>
            {whole(again - left)} of {whole(again)} learned again
          </small>
        </>
      )}
    </>
  )
}

function Certified({ certificate }: Required<Pick<ForgetRequest, 'certificate'>>) {
  const { asked, erased, versions, reason, by, completed_at: at } = certificate
  const what = Object.entries(asked).map(([key, value]) => `${key} ${value}`)
  return (
    <small>
      {what.join(', ')}
      {reason !== undefined && ` (${reason}${by === undefined ? '' : `, ${by}`})`}:{' '}
      {plural(erased.events ?? 0, 'event')} erased, {plural(versions.retired.length, 'version')}{' '}
      retired
      {versions.rebuilt !== undefined && `, rebuilt as ${versions.rebuilt.version}`}
      {at !== undefined && `, ${clockTime(at)}`}
    </small>
  )
}
