/** Another version is made to answer, with a reason. */
import { useState } from 'preact/hooks'
import type { Live } from './answers.tsx'
import { modelPath, send, textOf } from './client.tsx'
import { Dialog } from './dialog.tsx'

/** `version` absent: the one that answered before the present one. */
export type Move =
  | { readonly kind: 'rollback'; readonly version?: string }
  | { readonly kind: 'promote'; readonly version: string }

interface Props {
  readonly name: string
  readonly move: Move
  readonly live: Live | null
  readonly onClose: () => void
  readonly onDone: (said: string) => void
}

export function MoveDialog({ name, move, live, onClose, onDone }: Props) {
  const [reason, setReason] = useState('')
  const [hold, setHold] = useState(false)
  const [fault, setFault] = useState('')
  const isBack = move.kind === 'rollback'
  const to = move.version ?? live?.previous ?? 'the version before'
  const submit = async () => {
    const body = isBack
      ? { reason, ...(move.version !== undefined && { to: move.version }), ...(hold && { hold }) }
      : { reason, version: move.version }
    try {
      const moved = await send<{ live: string }>('POST', modelPath(name, `/${move.kind}`), body)
      onDone(`${moved.live} answers now`)
      onClose()
    } catch (error) {
      setFault(textOf(error))
    }
  }
  return (
    <Dialog title={isBack ? `Roll back to ${to}` : `Make ${to} live`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void submit()
        }}
      >
        <p class="note">
          {isBack
            ? `It answers at once. Events that it has not learned are set aside; you can relearn them later.`
            : `It answers at once, and the next update starts from it.`}
        </p>
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
        {isBack && (
          <label class="field check">
            <input
              type="checkbox"
              checked={hold}
              onChange={(event) => setHold(event.currentTarget.checked)}
            />
            Learn nothing until resumed
          </label>
        )}
        {fault !== '' && (
          <p class="bad" role="alert">
            {fault}
          </p>
        )}
        <div class="buttons">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button class="main">{isBack ? 'Roll back' : 'Make it live'}</button>
        </div>
      </form>
    </Dialog>
  )
}
