/** A box to try the model: what it answers, and feedback on that answer, up to the version that has learned it. */
import { useState } from 'preact/hooks'
import type { Model, Prediction, Predictions } from '../../../client/answers.ts'
import { modelPath, send, textOf } from './client.tsx'
import { share } from './format.tsx'
import { Bar } from './quality.tsx'
import { teach } from './teach.tsx'
import { TryTexts } from './try-texts.tsx'
import { Fault, useFault } from './fault.tsx'

interface TryItProps {
  readonly model: Model
  /** Why the stream of samples is interrupted; undefined = it is not. */
  readonly lost: unknown
}

export function TryIt({ model, lost }: TryItProps) {
  const Box = model.task === 'generation' ? TryTexts : TryRow
  return <Box model={model} lost={lost} />
}

function TryRow({ model, lost }: TryItProps) {
  const [input, setInput] = useState('')
  const [predicted, setPredicted] = useState<Predictions | undefined>()
  const [fault, setFault] = useFault(lost)
  const [said, say] = useState('')
  const isText = model.base !== 'features'
  const answer = predicted?.predictions[0]
  const predict = async () => {
    try {
      const inputs = [inputOf(input)]
      setPredicted(await send<Predictions>('POST', modelPath(model.model, '/predict'), { inputs }))
      setFault('')
    } catch (error) {
      setPredicted(undefined)
      setFault(textOf(error))
    }
  }
  return (
    <section aria-labelledby="try-title">
      <h2 id="try-title">Try it</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          say('')
          void predict()
        }}
      >
        <label class="field">
          Input
          <textarea
            dir="auto"
            required
            rows={2}
            placeholder={
              isText ? 'what a lovely phone' : '{"features": {"age": 3}} or {"features": [0.5, 1]}'
            }
            value={input}
            onInput={(event) => setInput(event.currentTarget.value)}
          />
        </label>
        <button>Predict</button>
      </form>
      <Fault message={fault} />
      <div aria-live="polite">
        {answer !== undefined && (
          <>
            <p>
              <strong id="answer">{answer.label ?? answer.value ?? answer.message}</strong>{' '}
              <small>by {predicted?.version}</small>
            </p>
            <Scores scores={answer.scores ?? {}} />
          </>
        )}
      </div>
      {answer !== undefined && (
        <Feedback
          key={answer.id}
          model={model}
          answer={answer}
          onSaid={say}
          onLearned={() => void predict()}
        />
      )}
      <p class="note" role="status">
        {said}
      </p>
    </section>
  )
}

/** Text is text; what reads as an object or a list of numbers is sent as such. */
function inputOf(text: string): unknown {
  const trimmed = text.trim()
  if (!/^[[{]/.test(trimmed)) return text
  try {
    const value = JSON.parse(trimmed) as unknown
    return Array.isArray(value) ? { features: value } : value
  } catch {
    return text
  }
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

function Feedback({ model, answer, onSaid, onLearned }: FeedbackProps) {
  const isNumber = answer.value !== undefined
  const [right, setRight] = useState(isNumber ? '' : (answer.label ?? ''))
  const submit = async () => {
    const target = isNumber ? { value: Number(right) } : { label: right }
    if (await teach(model.model, { prediction_id: answer.id, ...target }, onSaid)) onLearned()
  }
  return (
    <form
      class="inline"
      onSubmit={(event) => {
        event.preventDefault()
        void submit()
      }}
    >
      <label class="field">
        Right answer
        <input
          required
          list="answers"
          type={isNumber ? 'number' : 'text'}
          step="any"
          value={right}
          onInput={(event) => setRight(event.currentTarget.value)}
        />
      </label>
      <datalist id="answers">
        {model.labels?.map((label) => (
          <option key={label} value={label} />
        ))}
      </datalist>
      <button>Teach</button>
    </form>
  )
}
