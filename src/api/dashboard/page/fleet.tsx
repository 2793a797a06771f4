/** The replicas, which version each answers with, and who trains. Hidden if this daemon is alone. */
import type { Fleet } from '../../../client/answers.ts'
import { age } from './format.tsx'

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
