/** Events that were not learned, set aside by a rollback, in quarantine or refused: all can be sent again. And those that are forgotten. */
import { useState } from 'preact/hooks'
import type {
  AsidePage,
  DropAnswer,
  Letters,
  QuarantinePage,
  ResendAnswer,
  SelectionAnswer,
  ForgetRequest,
  ForgetRequests,
} from '../../../client/answers.ts'
import { modelPath, send, textOf, useFresh } from './client.tsx'
import { age, plural, share, clockTime, whole } from './format.tsx'

interface Props {
  readonly name: string
  readonly count: number
  readonly onDone: (said: string) => void
}

export function AsidePanel({ name, count, onDone }: Props) {
  const path = count > 0 ? modelPath(name, '/set-aside?limit=5') : undefined
  const { answer } = useFresh<AsidePage>(path, count)
  if (count === 0) return null
  return (
    <section aria-labelledby="aside-title">
      <h2 id="aside-title">Set aside</h2>
      <p>{plural(count, 'event')} came before a rollback and will not be learned.</p>
      <ul class="plain">
        {answer?.set_aside.map(({ source, id, was, label, relearning }) => (
          <li key={`${source} ${id}`}>
            <code>{id.slice(0, 24)}</code> {label} <small>{relearning ? 'relearning' : was}</small>
          </li>
        ))}
      </ul>
      <Commands
        {...{ name, onDone }}
        of={[
          ['Relearn all', '/relearn', 'will be learned'],
          ['Discard all', '/discard', 'discarded'],
        ]}
      />
    </section>
  )
}

export function QuarantinePanel({ name, count, onDone }: Props) {
  const path = count > 0 ? modelPath(name, '/quarantine?limit=5') : undefined
  const { answer } = useFresh<QuarantinePage>(path, count)
  if (count === 0) return null
  return (
    <section aria-labelledby="quarantine-title">
      <h2 id="quarantine-title">Quarantine</h2>
      <p>{plural(count, 'event')} kept back, because a label or its source looks wrong.</p>
      <ul class="plain">
        {answer?.quarantine.map(({ source, id, label, why, releasing }) => (
          <li key={`${source} ${id}`}>
            <code>{id.slice(0, 24)}</code> {label}{' '}
            <small>
              from {source}: {releasing ? 'releasing' : why}
            </small>
          </li>
        ))}
      </ul>
      {answer?.distrusted.map(({ source, trust }) => (
        <p key={source} class="note">
          The other sources contradict {source}: its examples weigh {share(trust)}.
        </p>
      ))}
      <Commands
        {...{ name, onDone }}
        of={[
          ['Release all', '/quarantine/release', 'will be learned'],
          ['Drop all', '/quarantine/drop', 'dropped'],
        ]}
      />
    </section>
  )
}

export function LettersPanel({ name, count, onDone }: Props) {
  const { answer, reload } = useFresh<Letters>(modelPath(name, '/dead-letters?limit=5'), count)
  const kept = Object.values(answer?.counts ?? {}).reduce((sum, each) => sum + each, 0)
  if (kept === 0) return null
  const done = (said: string) => {
    onDone(said)
    reload()
  }
  return (
    <section aria-labelledby="letters-title">
      <h2 id="letters-title">Dead letters</h2>
      <p>{plural(kept, 'event')} could not be learned from.</p>
      <ul class="plain">
        {answer?.dead_letters.map(({ id, code, reason, time }) => (
          <li key={id}>
            <code>{code}</code> {reason} <small>{age(time)} ago</small>
          </li>
        ))}
      </ul>
      <div class="buttons left">
        <Confirmed
          text="Send again"
          act={async () =>
            send<ResendAnswer>('POST', modelPath(name, '/dead-letters/resend'), { all: true })
          }
          said={({ resent, rejected }) => `${resent} sent again, ${rejected.length} refused again`}
          onDone={done}
        />
        <Confirmed
          text="Drop all"
          act={async () =>
            send<DropAnswer>('POST', modelPath(name, '/dead-letters/drop'), { all: true })
          }
          said={({ dropped }) => `${plural(dropped, 'dead letter')} dropped`}
          onDone={done}
        />
      </div>
    </section>
  )
}

interface CommandsProps extends Pick<Props, 'name' | 'onDone'> {
  readonly of: readonly (readonly [text: string, path: string, done: string])[]
}

/** Commands about all events of a list; `done`: what became of them. */
function Commands({ name, of, onDone }: CommandsProps) {
  return (
    <div class="buttons left">
      {of.map(([text, path, done]) => (
        <Confirmed
          key={path}
          text={text}
          act={async () =>
            send<SelectionAnswer>('POST', modelPath(name, path), { reason: 'from the page' })
          }
          said={({ events }) => `${plural(events, 'event')} ${done}`}
          onDone={onDone}
        />
      ))}
    </div>
  )
}

/** A button that asks once more, in its place. */
function Confirmed<Answer>({
  text,
  act,
  said,
  onDone,
}: {
  readonly text: string
  readonly act: () => Promise<Answer>
  readonly said: (answer: Answer) => string
  readonly onDone: (said: string) => void
}) {
  const [isAsking, setIsAsking] = useState(false)
  const onClick = async () => {
    if (!isAsking) {
      setIsAsking(true)
      return
    }
    setIsAsking(false)
    try {
      onDone(said(await act()))
    } catch (error) {
      onDone(textOf(error))
    }
  }
  return (
    <button class="small" onClick={() => void onClick()} onBlur={() => setIsAsking(false)}>
      {isAsking ? `${text}: sure?` : text}
    </button>
  )
}

/** Requests to forget: how far each is, and what its certificate says. Hidden where there is none. */
interface ForgetProps {
  readonly name: string
  readonly isKnown: boolean
  readonly round: number
  /** Changes with everything that the trainer does. */
  readonly now: unknown
}

export function ForgetPanel({ name, isKnown, round, now }: ForgetProps) {
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
