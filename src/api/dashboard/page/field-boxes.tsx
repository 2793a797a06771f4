/** A box for each field of an input that has several, and the box of a picture. What they hold is the JSON of the input. */
import { useState } from 'preact/hooks'
import type { Model } from '../../../client/answers.ts'

type Fields = NonNullable<Model['reads'][number]['fields']>
type Field = Fields[string]

interface FieldBoxesProps {
  /** The key of the input. */
  readonly name: string
  readonly fields: Fields
  readonly onRead: (input: string) => void
  readonly onFault: (text: string) => void
}

export function FieldBoxes({ name, fields, onRead, onFault }: FieldBoxesProps) {
  const [written, setWritten] = useState<Readonly<Record<string, string>>>({})
  const write = (field: string) => (text: string) => {
    const all = { ...written, [field]: text }
    setWritten(all)
    onRead(JSON.stringify({ [name]: valuesOf(fields, all) }))
  }
  return (
    <fieldset>
      <legend>Fields; an empty one is missing</legend>
      {Object.entries(fields).map(([field, facts]) => (
        <FieldBox
          key={field}
          {...{ field, facts, value: written[field] ?? '', onRead: write(field), onFault }}
        />
      ))}
    </fieldset>
  )
}

interface FieldBoxProps {
  readonly field: string
  readonly facts: Field
  readonly value: string
  readonly onRead: (text: string) => void
  readonly onFault: (text: string) => void
}

function FieldBox({ field, facts, value, onRead, onFault }: FieldBoxProps) {
  const { kind, files, required = false } = facts
  if (files !== undefined)
    return <PictureField label={field} {...{ required, types: files, value, onRead, onFault }} />
  if (kind === 'boolean')
    return (
      <label class="field">
        {field}
        <select required={required} onChange={(event) => onRead(event.currentTarget.value)}>
          {['', 'true', 'false'].map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      </label>
    )
  const shared = { required, value }
  return (
    <label class="field">
      {field}
      {kind === 'number' ? (
        <input
          {...shared}
          type="number"
          step="any"
          onInput={(event) => onRead(event.currentTarget.value)}
        />
      ) : (
        <textarea
          {...shared}
          dir="auto"
          rows={1}
          onInput={(event) => onRead(event.currentTarget.value)}
        />
      )}
    </label>
  )
}

function valuesOf(fields: Fields, written: Readonly<Record<string, string>>) {
  const given = Object.entries(written).filter(([, text]) => text !== '')
  return Object.fromEntries(given.map(([field, text]) => [field, valueOf(fields[field], text)]))
}

function valueOf(facts: Field | undefined, text: string): unknown {
  if (facts?.files !== undefined) return { [facts.kind]: text }
  if (facts?.kind === 'number') return Number(text)
  return facts?.kind === 'boolean' ? text === 'true' : text
}

interface PictureFieldProps {
  readonly label: string
  readonly required: boolean
  readonly types: readonly string[]
  /** As a data URL; '' = none is chosen. */
  readonly value: string
  readonly onRead: (value: string) => void
  readonly onFault: (text: string) => void
}

export function PictureField({
  label,
  required,
  types,
  value,
  onRead,
  onFault,
}: PictureFieldProps) {
  const read = (file: File | undefined) => {
    onRead('')
    if (file === undefined) return
    const reader = new FileReader()
    reader.onload = () => onRead(typeof reader.result === 'string' ? reader.result : '')
    reader.onerror = () => onFault(`${file.name} cannot be read`)
    reader.readAsDataURL(file)
  }
  return (
    <label class="field">
      {label}
      <input
        required={required}
        type="file"
        accept={types.join()}
        onChange={(event) => read(event.currentTarget.files?.[0])}
      />
      {value !== '' && <img src={value} alt="the chosen picture" height={96} />}
    </label>
  )
}
