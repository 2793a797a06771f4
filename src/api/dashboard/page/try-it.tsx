/** A box to try the model: what it answers, and feedback on that answer, up to the version that has learned it. */
import { useState } from 'preact/hooks'
import type { Model, Prediction } from '../../../client/answers.ts'
import { share } from './format.tsx'
import { Bar } from './elements.tsx'
import { RestsOn } from './rests-on.tsx'
import { DecidingParts, DocumentField } from './document-box.tsx'
import { FieldBoxes, PictureField } from './field-boxes.tsx'
import { Answers, teach, TryBox, useTrial, type TryProps } from './try-box.tsx'
import { TrySpans } from './try-spans.tsx'
import { TryTexts } from './try-texts.tsx'

export function TryIt({ model, lost }: TryProps) {
  const takes = (kind: string) => model.signals.some(({ name }) => name === kind)
  const Box = takes('preference') ? TryTexts : takes('spans') ? TrySpans : TryRow
  return <Box model={model} lost={lost} />
}

function TryRow(props: TryProps) {
  const { model } = props
  const [input, setInput] = useState('')
  const trial = useTrial<unknown>(props)
  const { answered, say } = trial
  const answer = answered?.predictions[0]
  const { name = '', files, fields, long } = model.reads[0] ?? {}
  const pair = model.reads.find(({ beside }) => beside !== undefined)
  const predict = () => trial.ask(inputOf(input, model.reads))
  return (
    <TryBox
      trial={trial}
      onAsk={() => void predict()}
      fields={
        <>
          {fields !== undefined ? (
            <FieldBoxes name={name} fields={fields} onRead={setInput} onFault={trial.setFault} />
          ) : long === true ? (
            <DocumentField name={name} onRead={setInput} onFault={trial.setFault} />
          ) : pair !== undefined ? (
            <PairFields
              keys={[...(pair.beside ?? []), pair.name]}
              value={input}
              onInput={setInput}
            />
          ) : files === undefined ? (
            <label class="field">
              Input
              <textarea
                dir="auto"
                required
                rows={2}
                placeholder={textOfExample(model.reads)}
                value={input}
                onInput={(event) => setInput(event.currentTarget.value)}
              />
            </label>
          ) : (
            <PictureField
              label="Picture"
              required
              {...{ types: files, value: input, onRead: setInput, onFault: trial.setFault }}
            />
          )}
          <button>Predict</button>
        </>
      }
    >
      <div aria-live="polite">
        {answer !== undefined && (
          <>
            <p>
              <strong id="answer">{shownAnswer(model, answer)}</strong>{' '}
              <small>by {answered?.version}</small>
            </p>
            <Scores scores={answer.scores ?? {}} />
            {answer.parts !== undefined && (
              <DecidingParts input={answered?.input} name={name} parts={answer.parts} />
            )}
            <RestsOn
              key={answer.id}
              model={model.model}
              input={answered?.input}
              version={answered?.version}
            />
          </>
        )}
      </div>
      {answer?.labels !== undefined && (
        <LabelTicks
          key={answer.id}
          model={model}
          answer={answer}
          onSaid={say}
          onLearned={() => void predict()}
        />
      )}
      {answer !== undefined && answer.labels === undefined && (
        <Feedback
          key={answer.id}
          model={model}
          answer={answer}
          onSaid={say}
          onLearned={() => void predict()}
        />
      )}
    </TryBox>
  )
}

interface PairFieldsProps {
  readonly keys: readonly string[]
  /** The input as JSON; '' = nothing yet. */
  readonly value: string
  readonly onInput: (value: string) => void
}

/** A box for each key of the input. */
function PairFields({ keys, value, onInput }: PairFieldsProps) {
  const fields = (value === '' ? {} : JSON.parse(value)) as Readonly<Record<string, string>>
  return (
    <>
      {keys.map((key, at) => (
        <label class="field" key={key}>
          {at === 0 ? 'First text' : 'Second text'}
          <textarea
            dir="auto"
            required
            rows={2}
            value={fields[key] ?? ''}
            onInput={(event) =>
              onInput(JSON.stringify({ ...fields, [key]: event.currentTarget.value }))
            }
          />
        </label>
      ))}
    </>
  )
}

type Reads = Model['reads']

const readsText = (reads: Reads) => reads.some(({ name }) => name === 'text')

/** As a person types it: a text, or the JSON of an input. */
function textOfExample(reads: Reads): string {
  const kind = reads.find(({ name }) => name === 'text') ?? reads[0]
  if (kind === undefined) return ''
  if (kind.name === 'text') return String(kind.example)
  return JSON.stringify(kind.beside === undefined ? { [kind.name]: kind.example } : kind.example)
}

/** Where the model reads texts, text is text. An input with the name of its kind is sent as such, and other JSON as the first kind. */
function inputOf(text: string, reads: Reads): unknown {
  const value = jsonOr(text)
  const keys = isObject(value) ? Object.keys(value) : []
  const isOf = ({ name, beside = [] }: Reads[number]) =>
    keys.includes(name) && keys.every((key) => key === name || beside.includes(key))
  if (reads.some(isOf)) return value
  return readsText(reads) || reads[0] === undefined ? text : { [reads[0].name]: value }
}

/** What a text says as JSON; if it is none, itself. */
function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

const isNumber = (type: string) => type === 'number' || type === 'integer'

function valueOf(text: string, type: string): unknown {
  if (isNumber(type)) return Number(text)
  return type === 'string' ? text : jsonOr(text)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The words of the feedback that says what is right, each with the type of its value. */
function rightWords({ signals }: Model): Readonly<Record<string, string>> {
  return signals.find(({ about }) => about === 'input')?.words ?? {}
}

/** A served answer has its parts under the words that an event would say them with. */
function saidIn(answer: Prediction, word: string): string {
  const said = new Map<string, unknown>(Object.entries(answer)).get(word)
  if (said === undefined) return ''
  return typeof said === 'string' ? said : JSON.stringify(said)
}

function shownAnswer(model: Model, answer: Prediction): string {
  if (answer.labels !== undefined && answer.message === undefined)
    return answer.labels.map(({ label }) => label).join(', ') || 'none'
  const parts = Object.keys(rightWords(model)).map((word) => saidIn(answer, word))
  return (
    parts.filter((part) => part !== '').join(', ') || (answer.message ?? JSON.stringify(answer))
  )
}

const MOST_SCORES = 5

function Scores({ scores }: { readonly scores: Readonly<Record<string, number>> }) {
  const best = Object.entries(scores).sort(([, one], [, other]) => other - one)
  return (
    <ul class="plain">
      {best.slice(0, MOST_SCORES).map(([label, score]) => (
        <li key={label}>
          <Bar value={score} /> {share(score)} {label}
        </li>
      ))}
    </ul>
  )
}

interface FeedbackProps {
  readonly model: Model
  readonly answer: Prediction
  readonly onSaid: (text: string) => void
  readonly onLearned: () => void
}

/** Corrected by ticking: the labels that hold; others can be named, with commas between them. */
function LabelTicks({ model, answer, onSaid, onLearned }: FeedbackProps) {
  const said = answer.labels?.map(({ label }) => label) ?? []
  const [ticked, setTicked] = useState<readonly string[]>(said)
  const [more, setMore] = useState('')
  const submit = async () => {
    const named = more.split(',').flatMap((label) => (label.trim() === '' ? [] : [label.trim()]))
    const labels = [...new Set([...ticked, ...named])]
    if (await teach(model.model, { prediction_id: answer.id, labels }, onSaid)) onLearned()
  }
  const toggle = (label: string) => {
    const isTicked = ticked.includes(label)
    setTicked(isTicked ? ticked.filter((each) => each !== label) : [...ticked, label])
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        void submit()
      }}
    >
      <fieldset class="ticks">
        <legend>Labels that hold</legend>
        {Object.keys(answer.scores ?? {}).map((label) => (
          <label key={label}>
            <input
              type="checkbox"
              checked={ticked.includes(label)}
              onChange={() => {
                toggle(label)
              }}
            />{' '}
            {label}
          </label>
        ))}
        <label class="field">
          Others
          <input
            placeholder="a new label, another"
            value={more}
            onInput={(event) => setMore(event.currentTarget.value)}
          />
        </label>
      </fieldset>
      <button>Teach</button>
    </form>
  )
}

function Feedback({ model, answer, onSaid, onLearned }: FeedbackProps) {
  const words = Object.entries(rightWords(model))
  const [right, setRight] = useState<Readonly<Record<string, string>>>(() =>
    Object.fromEntries(
      words.map(([word, type]) => [word, isNumber(type) ? '' : saidIn(answer, word)]),
    ),
  )
  const submit = async () => {
    const said = words.map(([word, type]) => {
      const text = right[word] ?? ''
      return [word, valueOf(text, type)] as const
    })
    const event = { prediction_id: answer.id, ...Object.fromEntries(said) }
    if (await teach(model.model, event, onSaid)) onLearned()
  }
  if (words.length === 0) return null
  return (
    <form
      class="inline"
      onSubmit={(event) => {
        event.preventDefault()
        void submit()
      }}
    >
      {words.map(([word, type]) => (
        <label class="field" key={word}>
          {words.length === 1 ? 'Right answer' : `Right answer: ${word}`}
          <input
            required
            list="answers"
            type={isNumber(type) ? 'number' : 'text'}
            step="any"
            value={right[word]}
            onInput={(event) => setRight({ ...right, [word]: event.currentTarget.value })}
          />
        </label>
      ))}
      <Answers labels={model.labels} />
      <button>Teach</button>
    </form>
  )
}
