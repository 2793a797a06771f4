/** Of the daemon, whatever the model: who did what, and the replicas of its fleet. */
import { useState } from 'preact/hooks'
import type { AuditPage, Fleet } from '../../../client/answers.ts'
import { textOf, useFresh } from './client.tsx'
import { Pager } from './elements.tsx'
import { age, clockTime } from './format.tsx'

/** Who did what, with which key. Asked for when a person opens it. `changed`: something was done since. */
export function AuditPanel({ changed }: { readonly changed: unknown }) {
  const [isOpen, setIsOpen] = useState(false)
  const [before, setBefore] = useState<readonly string[]>([])
  const from = before.at(-1)
  const { answer, error } = useFresh<AuditPage>(
    isOpen ? `v1/audit?limit=8${from === undefined ? '' : `&before=${from}`}` : undefined,
    changed,
  )
  return (
    <section aria-labelledby="audit-title">
      <details onToggle={(event) => setIsOpen(event.currentTarget.open)}>
        <summary>
          <h2 id="audit-title">Audit log</h2>
        </summary>
        {error !== undefined && <p class="bad">{textOf(error)}</p>}
        {answer?.records.length === 0 && <p class="note">Nothing has been done yet.</p>}
        <ul class="plain">
          {answer?.records.map(({ time, key, method, path, status, code, body, request }) => (
            <li key={`${time} ${request}`}>
              <time dateTime={time}>{clockTime(time)}</time> <b>{key}</b>{' '}
              <code>
                {method} {path}
              </code>{' '}
              <small class={status < 400 ? '' : 'bad'}>{code ?? status}</small>
              {typeof body?.reason === 'string' && <small> “{body.reason}”</small>}
            </li>
          ))}
        </ul>
        <Pager before={before} next={answer?.next} onTurn={setBefore} />
      </details>
    </section>
  )
}

/** The replicas, which version each answers with, and who trains. Hidden if this daemon is alone. */
export function FleetPanel({ fleet }: { readonly fleet: Fleet | undefined }) {
  if (fleet?.shared !== true) return null
  const trains = (replica: string) =>
    fleet.models.filter(({ lease }) => lease?.holder === replica).map(({ model }) => model)
  return (
    <section aria-labelledby="fleet-title">
      <h2 id="fleet-title">Replicas</h2>
      {fleet.problem !== undefined && <p class="bad">{fleet.problem.message}</p>}
      {fleet.models.map(
        ({ model, config_differs: keys }) =>
          keys !== undefined && (
            <p key={model} class="bad">
              {model}: the replicas differ in their configuration: {keys.join(', ')}
            </p>
          ),
      )}
      <ul class="plain">
        {fleet.members.map(({ replica, role, seen, models }) => (
          <li key={replica}>
            <b>{replica}</b> {replica === fleet.replica && '(this one) '}
            <small>
              {role}, seen {age(seen)} ago
              {trains(replica).length > 0 && `, trains ${trains(replica).join(', ')}`}
            </small>
            <br />
            {models.map(({ model, version }) => `${model} ${version}`).join(', ')}
          </li>
        ))}
      </ul>
    </section>
  )
}
