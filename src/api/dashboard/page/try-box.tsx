/** What every box to try a model has: a question, its answers or why there are none, and what became of the feedback. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { FeedbackAnswer, Model, Predictions } from '../../../client/answers.ts'
import { get, modelPath, send, textOf } from './client.tsx'
import { Fault, useFault } from './elements.tsx'

export interface TryProps {
  readonly model: Model
  /** Why the stream of samples is interrupted; undefined = it is not. */
  readonly lost: unknown
}

/** `Input` is what the box was asked about, beside what the model answered. */
export function useTrial<Input>({ model, lost }: TryProps) {
  const [answered, setAnswered] = useState<(Predictions & { readonly input: Input }) | undefined>()
  const [fault, setFault] = useFault(lost)
  const [said, say] = useState('')
  const ask = async (input: Input, count = 1) => {
    const inputs = Array.from({ length: count }, () => input)
    try {
      const path = modelPath(model.model, '/predict')
      setAnswered({ ...(await send<Predictions>('POST', path, { inputs })), input })
      setFault('')
    } catch (error) {
      setAnswered(undefined)
      setFault(textOf(error))
    }
  }
  return { answered, fault, setFault, said, say, ask }
}

interface TryBoxProps {
  readonly trial: Pick<ReturnType<typeof useTrial>, 'fault' | 'said' | 'say'>
  /** The input and its buttons. */
  readonly fields: ComponentChildren
  readonly onAsk: () => void
  readonly children: ComponentChildren
}

export function TryBox({ trial: { fault, said, say }, fields, onAsk, children }: TryBoxProps) {
  return (
    <section aria-labelledby="try-title">
      <h2 id="try-title">Try it</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          say('')
          onAsk()
        }}
      >
        {fields}
      </form>
      <Fault message={fault} />
      {children}
      <p class="note" role="status">
        {said}
      </p>
    </section>
  )
}

/** The labels that a field with `list="answers"` offers. */
export function Answers({ labels = [] }: { readonly labels: readonly string[] | undefined }) {
  return (
    <datalist id="answers">
      {labels.map((label) => (
        <option key={label} value={label} />
      ))}
    </datalist>
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
