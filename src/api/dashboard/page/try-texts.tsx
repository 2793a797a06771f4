/**
 * A box to talk to a language model: one answer, with thumbs and a better text for it, or two answers, one of which is picked. Each
 * is feedback on what was served.
 */
import { useState } from 'preact/hooks'
import type { Prediction } from '../../../client/answers.ts'
import { RestsOn } from './rests-on.tsx'
import { teach, TryBox, useTrial, type TryProps } from './try-box.tsx'

export function TryTexts(props: TryProps) {
  const { model } = props
  const [message, setMessage] = useState('')
  const [isBusy, setBusy] = useState(false)
  const trial = useTrial<ReturnType<typeof saidBy>>(props)
  const { answered, say } = trial
  const ask = async (count: 1 | 2) => {
    setBusy(true)
    say('')
    await trial.ask(saidBy(message), count)
    setBusy(false)
  }
  const [first, second] = answered?.predictions ?? []
  return (
    <TryBox
      trial={trial}
      onAsk={() => void ask(1)}
      fields={
        <>
          <label class="field">
            Message
            <textarea
              required
              dir="auto"
              rows={2}
              placeholder="Where is my parcel?"
              value={message}
              onInput={(event) => setMessage(event.currentTarget.value)}
            />
          </label>
          <div class="buttons left">
            <button disabled={isBusy}>Answer</button>
            <button
              type="button"
              disabled={isBusy || message.trim() === ''}
              onClick={() => void ask(2)}
            >
              Two answers
            </button>
          </div>
        </>
      }
    >
      <div aria-live="polite">
        {answered?.predictions.map(({ id, text, sources = [] }) => (
          <p key={id} class="written" dir="auto">
            {text}{' '}
            <small>
              by {answered.version}
              {sources.map((each) => `, from ${each.source} ${each.id}`).join('')}
            </small>
          </p>
        ))}
      </div>
      {first !== undefined && (
        <RestsOn
          key={`because ${first.id}`}
          model={model.model}
          input={answered?.input}
          version={answered?.version}
        />
      )}
      {first !== undefined && (
        <Judged
          key={first.id}
          first={first}
          second={second}
          onJudged={(event) => void teach(model.model, event, say)}
        />
      )}
    </TryBox>
  )
}

function saidBy(content: string) {
  return { messages: [{ role: 'user', content }] }
}

interface JudgedProps {
  readonly first: Prediction
  readonly second: Prediction | undefined
  /** Without the source. */
  readonly onJudged: (event: object) => void
}

function Judged({ first, second, onJudged }: JudgedProps) {
  const [better, setBetter] = useState(first.text)
  if (second !== undefined) return <Pick one={first} other={second} onJudged={onJudged} />
  const rate = (rating: 1 | -1) => onJudged({ prediction_id: first.id, rating })
  return (
    <>
      <div class="buttons left">
        <button onClick={() => rate(1)}>Good</button>
        <button onClick={() => rate(-1)}>Bad</button>
      </div>
      <form
        class="inline"
        onSubmit={(event) => {
          event.preventDefault()
          onJudged({ prediction_id: first.id, correction: better })
        }}
      >
        <label class="field">
          Better answer
          <textarea
            required
            dir="auto"
            rows={3}
            value={better}
            onInput={(event) => setBetter(event.currentTarget.value)}
          />
        </label>
        <button disabled={better === first.text}>Teach</button>
      </form>
    </>
  )
}

interface PickProps {
  readonly one: Prediction
  readonly other: Prediction
  readonly onJudged: JudgedProps['onJudged']
}

function Pick({ one, other, onJudged }: PickProps) {
  if (one.text === other.text)
    return (
      <p class="note">Both are the same; a higher temperature of the task makes them differ.</p>
    )
  const pick = (chosen: Prediction, rejected: Prediction) =>
    onJudged({ prediction_id: chosen.id, chosen: chosen.text, rejected: rejected.text })
  return (
    <div class="buttons left">
      <button onClick={() => pick(one, other)}>The first is better</button>
      <button onClick={() => pick(other, one)}>The second is better</button>
    </div>
  )
}
