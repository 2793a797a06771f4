/** The receipt of one feedback event: what became of it, and why. */
import { useState } from 'preact/hooks'
import type { Receipt } from '../../../client/answers.ts'
import { get, modelPath, textOf } from './client.tsx'
import { clockTime } from './format.tsx'

const MEANINGS: Readonly<Record<string, string>> = {
  received: 'safe on disk, and not read by the trainer yet',
  held_out: 'kept to compare versions with, and never learned',
  superseded: 'a newer event with the same id took its place',
  retracted: 'its source took it back',
  forgotten: 'a request to forget removed it',
}

interface Props {
  readonly name: string
  readonly onWhy: (version: string) => void
}

export function ReceiptPanel({ name, onWhy }: Props) {
  const [id, setId] = useState('')
  const [source, setSource] = useState('')
  const [receipt, setReceipt] = useState<Receipt | undefined>()
  const [fault, setFault] = useState('')
  const look = async () => {
    const query = source === '' ? '' : `?source=${encodeURIComponent(source)}`
    try {
      const path = `/feedback/${encodeURIComponent(id)}${query}`
      setReceipt(await get<Receipt>(modelPath(name, path)))
      setFault('')
    } catch (error) {
      setReceipt(undefined)
      setFault(textOf(error))
    }
  }
  return (
    <section aria-labelledby="receipt-title">
      <h2 id="receipt-title">What became of an event</h2>
      <form
        class="inline three"
        onSubmit={(event) => {
          event.preventDefault()
          void look()
        }}
      >
        <label class="field">
          Event id
          <input required value={id} onInput={(event) => setId(event.currentTarget.value.trim())} />
        </label>
        <label class="field">
          Source, if it has one
          <input value={source} onInput={(event) => setSource(event.currentTarget.value.trim())} />
        </label>
        <button>Look up</button>
      </form>
      <div aria-live="polite">
        {fault !== '' && <p class="bad">{fault}</p>}
        {receipt !== undefined && <Found receipt={receipt} onWhy={onWhy} />}
      </div>
    </section>
  )
}

function Found({ receipt, onWhy }: { readonly receipt: Receipt } & Pick<Props, 'onWhy'>) {
  const { state, version, weight, slice, time, rollback } = receipt
  const facts = [
    ...(weight === undefined ? [] : [`weight ${Number(weight.toPrecision(3))}`]),
    ...(slice === undefined ? [] : [`slice ${slice}`]),
    ...(time === undefined ? [] : [clockTime(time)]),
  ]
  return (
    <>
      <p>
        <strong id="receipt">{state.replace('_', ' ')}</strong>
        {version !== undefined && (
          <>
            {' '}
            in{' '}
            <button class="link" onClick={() => onWhy(version)}>
              {version}
            </button>
          </>
        )}
        {receipt.waiting_for !== undefined && ` for its ${receipt.waiting_for}`}{' '}
        <small>
          {facts.join(', ')} from {receipt.source}
        </small>
      </p>
      {MEANINGS[state] !== undefined && <p class="note">{MEANINGS[state]}</p>}
      {(receipt.code ?? receipt.message) !== undefined && (
        <p class="note">
          {receipt.code !== undefined && <code>{receipt.code}</code>} {receipt.message}{' '}
          {receipt.fix}
        </p>
      )}
      {rollback !== undefined && (
        <p class="note">
          Undone by the rollback to {rollback.to}, {clockTime(rollback.since)}: {rollback.reason}
        </p>
      )}
    </>
  )
}
