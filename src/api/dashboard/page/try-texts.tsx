/**
 * A box to talk to a language model: one answer, with thumbs and a better text for it, or two answers, one of which is picked. Each
 * is feedback on what was served.
 */
import { useState } from 'preact/hooks'
import type { Model, Prediction, Predictions, FeedbackAnswer } from '../../../client/answers.ts'
import { modelPath, send, textOf, get } from './client.tsx'
import { Fault, useFault } from './elements.tsx'
import { RestsOn } from './rests-on.tsx'

interface TryTextsProps {
  readonly model: Model
  /** Why the stream of samples is interrupted; undefined = it is not. */
  readonly lost: unknown
}

export function TryTexts({ model, lost }: TryTextsProps) {
  const [message, setMessage] = useState('')
  const [answered, setAnswered] = useState<Predictions | undefined>()
  const [fault, setFault] = useFault(lost)
  const [said, say] = useState('')
  const [isBusy, setBusy] = useState(false)
  const ask = async (count: 1 | 2) => {
    setBusy(true)
    say('')
    try {
      const input = saidBy(message)
      const inputs = Array.from({ length: count }, () => input)
      setAnswered(await send<Predictions>('POST', modelPath(model.model, '/predict'), { inputs }))
      setFault('')
    } catch (error) {
      setAnswered(undefined)
      setFault(textOf(error))
    }
    setBusy(false)
  }
  const [first, second] = answered?.predictions ?? []
  return (
    <section aria-labelledby="try-title">
      <h2 id="try-title">Try it</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void ask(1)
        }}
      >
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
      </form>
      <Fault message={fault} />
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
          input={saidBy(message)}
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
      <p class="note" role="status">
        {said}
      </p>
    </section>
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

/**
 * Sends feedback from the page, and says what becomes of it, up to the version that has learned it.
 *
 * `say` hears each state. Resolves with whether a version has learned it while the page waited.
 */
export async function teach(
  model: string,
  event: object,
  say: (text: string) => void,
): Promise<boolean> {
  const path = modelPath(model)
  try {
    const receipt = await send<FeedbackAnswer>('POST', `${path}/feedback`, {
      source: 'page',
      ...event,
    })
    say(waitingOf(receipt))
    if (receipt.position === undefined) return false
    const learned = await learnedAt(`${path}?wait_for=${receipt.position}`)
    if (learned === undefined) return false
    say(`Learned: ${learned} answers now.`)
    return true
  } catch (error) {
    say(textOf(error))
    return false
  }
}

/** Undefined if it is not learned within the time that the daemon lets one wait: what was said of it still holds. */
async function learnedAt(path: string): Promise<string | undefined> {
  try {
    return (await get<Model>(path)).live?.version
  } catch {
    return undefined
  }
}

function waitingOf({ accepted, pending, trigger_every: every }: FeedbackAnswer): string {
  if (accepted === 0) return 'This was known already.'
  return pending === undefined || every === undefined
    ? 'Accepted. It will be learned.'
    : `Accepted: ${pending} of ${every} that start the next update.`
}
