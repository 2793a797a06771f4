/** The box of a document, written or from a file, and the parts of it that decided for each label of the answer. */
import { useState } from 'preact/hooks'
import type { Prediction } from '../../../client/answers.ts'

interface DocumentFieldProps {
  /** The key of the input. */
  readonly name: string
  /** Gets the JSON of the input. */
  readonly onRead: (input: string) => void
  readonly onFault: (text: string) => void
}

export function DocumentField({ name, onRead, onFault }: DocumentFieldProps) {
  const [written, setWritten] = useState('')
  const write = (text: string) => {
    setWritten(text)
    onRead(JSON.stringify({ [name]: text }))
  }
  const open = (file: File | undefined) => {
    file?.text().then(write, () => {
      onFault(`${file.name} cannot be read`)
    })
  }
  return (
    <>
      <label class="field">
        Document
        <textarea
          dir="auto"
          required
          rows={8}
          value={written}
          onInput={(event) => write(event.currentTarget.value)}
        />
      </label>
      <label class="field">
        or a text file
        <input
          type="file"
          accept="text/*"
          onChange={(event) => open(event.currentTarget.files?.[0])}
        />
      </label>
    </>
  )
}

interface DecidingPartsProps {
  readonly input: unknown
  readonly name: string
  readonly parts: NonNullable<Prediction['parts']>
}

export function DecidingParts({ input, name, parts }: DecidingPartsProps) {
  const text = new Map(Object.entries(input ?? {})).get(name) as unknown
  const characters = typeof text === 'string' ? Array.from(text) : []
  return (
    <ul class="plain" id="parts">
      {parts.map(({ answer, from, to }) => (
        <li key={answer}>
          <strong>{answer}</strong>{' '}
          <small>
            by characters {from} to {to}
          </small>
          <blockquote>{characters.slice(from, to).join('')}</blockquote>
        </li>
      ))}
    </ul>
  )
}
