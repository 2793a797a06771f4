/** Why a version is what it is: what it learned, how it scored, and each time that it was made live. */
import type { Model, PastMove, Version } from '../../../client/answers.ts'
import { modelPath, textOf, useFresh } from './client.tsx'
import { Dialog } from './elements.tsx'
import { clockTime, errorOf, figure, number, share, whole } from './format.tsx'
import type { Move } from './move.tsx'
import { gapText } from './quality.tsx'
import { estimateText } from './off-policy.tsx'
import { recentOf, undoneText } from './versions.tsx'

interface Props {
  readonly name: string
  readonly version: string
  readonly model: Model
  readonly moves: readonly PastMove[]
  readonly onMove: (move: Move) => void
  readonly onClose: () => void
}

export function WhyDialog({ name, version, model, moves, onMove, onClose }: Props) {
  const { answer, error } = useFresh<Version>(modelPath(name, `/versions/${version}`), version)
  const { headline } = model
  const own = moves.filter((move) => move.version === version)
  return (
    <Dialog title={`Why ${version}`} onClose={onClose}>
      {error !== undefined && <p class="bad">{textOf(error)}</p>}
      {answer !== undefined && (
        <>
          <p>
            <b>{answer.decision}</b>: {answer.reason}
          </p>
          {answer.undone_by !== undefined && (
            <p class="bad">It was {undoneText(answer.undone_by)}</p>
          )}
          <table class="facts">
            <tbody>
              <Row name="made" value={clockTime(answer.created)} />
              <Row name="from" value={answer.parent ?? 'the base'} />
              <Row
                name="events"
                value={`${whole(answer.events)}, ${whole(answer.events_new)} of them new`}
              />
              <Row name="steps" value={whole(answer.steps)} />
              {headline.better === 'higher' && answer.headline === undefined ? (
                <>
                  <Row name={headline.name} value={scoreText(answer.scores)} />
                  <Row name="loss" value={number(answer.scores.loss)} />
                </>
              ) : (
                <Row
                  name={headline.name}
                  value={`${figure(headline, recentOf(answer, headline))} recent`}
                />
              )}
              {answer.span !== undefined && <Row name="positions" value={spanText(answer.span)} />}
              {answer.slice_gap && <Row name="slices" value={gapText(answer.slice_gap)} />}
              {answer.off_policy && (
                <Row
                  name="would earn"
                  value={`${estimateText(answer.off_policy.candidate.dr)} on ${whole(answer.off_policy.candidate.choices)} held-out answers (doubly robust)`}
                />
              )}
              {answer.served && (
                <Row
                  name="served"
                  value={`${whole(answer.served.count)} judged answers, error ${errorOf(model, answer.served.error)}`}
                />
              )}
            </tbody>
          </table>
        </>
      )}
      {own.length > 0 && <h3>When it answered</h3>}
      <ul class="moves">
        {own.map((move) => (
          <li key={move.generation}>
            <time dateTime={move.since}>{clockTime(move.since)}</time>
            {move.until !== undefined && ` to ${clockTime(move.until)}`}, after{' '}
            {move.before ?? 'nothing'}, by {move.by}
            {move.actor !== undefined && ` (${move.actor})`}: {move.reason}
          </li>
        ))}
      </ul>
      <div class="buttons">
        {answer !== undefined && !answer.live && !answer.removed && (
          <>
            <button onClick={() => onMove({ kind: 'canary', version })}>Canary…</button>
            <button onClick={() => onMove({ kind: 'shadow', version })}>Shadow…</button>
          </>
        )}
        <button onClick={onClose}>Close</button>
      </div>
    </Dialog>
  )
}

function scoreText({ count, accuracy_recent: recent, accuracy }: Version['scores']): string {
  return count === 0 ? 'nothing is judged' : `${share(recent)} recent, ${share(accuracy)} in all`
}

function spanText(span: NonNullable<Version['span']>): string {
  return span
    .map(({ source, partition, from, to }) => {
      return `${partition === '0' ? source : `${source}/${partition}`} ${from || 'start'} to ${to}`
    })
    .join(', ')
}

function Row({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{value}</td>
    </tr>
  )
}
