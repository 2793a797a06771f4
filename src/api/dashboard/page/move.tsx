/** Another version is made to answer, for all or on trial, or is pinned, with a reason. */
import { useState } from 'preact/hooks'
import type { PastMove } from '../../../client/answers.ts'
import { modelPath, Refusal, send, textOf } from './client.tsx'
import { Dialog, Fault } from './elements.tsx'

export type Move =
  /** `version` absent: to the one before `from`; without either a canary ends. */
  | { readonly kind: 'rollback'; readonly version?: string; readonly from?: string }
  | { readonly kind: 'promote' | 'canary' | 'shadow' | 'pin' | 'unpin'; readonly version: string }
  | { readonly kind: 'end'; readonly of: 'canary' | 'shadow'; readonly version: string }

interface Props {
  readonly name: string
  readonly move: Move
  readonly live: PastMove | null
  readonly onClose: () => void
  readonly onDone: (said: string) => void
}

interface MoveForm {
  readonly title: string
  /** What will happen. */
  readonly note: string
  readonly button: string
  readonly path: string
}

const trialNotes = {
  canary: 'It answers a share of the requests, until you end the trial, promote or roll back.',
  shadow: 'It is computed for each request and compared, and never returned.',
} as const

function shown(move: Move, live: PastMove | null): MoveForm {
  const { kind, version } = move
  switch (kind) {
    case 'rollback': {
      const to = move.from !== undefined ? 'To the version that was live before it, at' : 'At'
      return {
        title: rollbackTitle(move, live),
        note: `${to} once. Events that are not learned then are set aside; you can relearn them later.`,
        button: 'Roll back',
        path: '/rollback',
      }
    }
    case 'promote':
      return {
        title: `Make ${version} live`,
        note: 'It answers at once, and the next update starts from it.',
        button: 'Make it live',
        path: '/promote',
      }
    case 'pin':
    case 'unpin':
      return {
        title: kind === 'pin' ? `Pin ${version}` : `Unpin ${version}`,
        note:
          kind === 'pin'
            ? 'Its files stay, whatever else is removed.'
            : 'Its files may be removed when it is old.',
        button: kind === 'pin' ? 'Pin' : 'Unpin',
        path: `/versions/${version}/pin`,
      }
    case 'canary':
    case 'shadow':
      return {
        title: `Try ${version} as a ${kind}`,
        note: trialNotes[kind],
        button: 'Start',
        path: `/${kind}`,
      }
    case 'end':
      return {
        title: `End the trial of ${version}`,
        note: 'The live version answers everything again.',
        button: 'End it',
        path: `/${move.of}/end`,
      }
  }
}

export function MoveDialog({ name, move: asked, live, onClose, onDone }: Props) {
  // What the person saw, whatever the trainer publishes meanwhile.
  const [move] = useState(() => withFrom(asked, live))
  const [reason, setReason] = useState('')
  const [hold, setHold] = useState(false)
  const [percent, setPercent] = useState('10')
  const [fault, setFault] = useState('')
  // A second click after the warning means it.
  const [isWarned, setWarned] = useState(false)
  const { title, note, button, path } = shown(move, live)
  const submit = async () => {
    try {
      const undone = isWarned && { undone: true }
      const body = { reason, ...bodyOf(move, hold, Number(percent) / 100), ...undone }
      const moved = await send<{ live?: string }>(methodOf(move), modelPath(name, path), body)
      onDone(doneText(move, moved.live))
      onClose()
    } catch (error) {
      setFault(textOf(error))
      setWarned(error instanceof Refusal && error.code === 'VERSION_UNDONE')
    }
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void submit()
        }}
      >
        <p class="note">{note}</p>
        <label class="field">
          Reason
          <textarea
            required
            maxLength={1000}
            rows={2}
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </label>
        {move.kind === 'canary' && (
          <label class="field">
            Percent of the requests
            <input
              type="number"
              required
              min="0.1"
              max="99"
              step="any"
              value={percent}
              onInput={(event) => setPercent(event.currentTarget.value)}
            />
          </label>
        )}
        {move.kind === 'rollback' && (
          <label class="field check">
            <input
              type="checkbox"
              checked={hold}
              onChange={(event) => setHold(event.currentTarget.checked)}
            />
            Learn nothing until resumed
          </label>
        )}
        <Fault message={fault} />
        <div class="buttons">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button class="main">{isWarned ? `${button} all the same` : button}</button>
        </div>
      </form>
    </Dialog>
  )
}

/** A rollback without a version ends the canary; without one, it takes back the live version. */
function withFrom(move: Move, live: PastMove | null): Move {
  if (move.kind !== 'rollback' || move.version !== undefined || live === null) return move
  return live.canary === undefined ? { ...move, from: live.version } : move
}

function rollbackTitle(
  { version, from }: Move & { readonly kind: 'rollback' },
  live: PastMove | null,
) {
  if (version !== undefined) return `Roll back to ${version}`
  if (from !== undefined) return `Roll back ${from}`
  return `Take back the canary ${live?.canary?.version ?? ''}`
}

function methodOf({ kind }: Move) {
  if (kind === 'pin') return 'PUT'
  return kind === 'unpin' ? 'DELETE' : 'POST'
}

function doneText({ kind, version = '' }: Move, live = ''): string {
  switch (kind) {
    case 'canary':
    case 'shadow':
      return `${version} is on trial`
    case 'pin':
    case 'unpin':
      return `${version} is ${kind}ned`
    default:
      return `${live} answers now`
  }
}

function bodyOf(move: Move, hold: boolean, share: number): object {
  switch (move.kind) {
    case 'rollback':
      return {
        ...(move.version !== undefined && { to: move.version }),
        ...(move.from !== undefined && { from: move.from }),
        ...(hold && { hold }),
      }
    case 'canary':
      return { version: move.version, share }
    case 'promote':
    case 'shadow':
      return { version: move.version }
    case 'end':
    case 'pin':
    case 'unpin':
      return {}
  }
}
