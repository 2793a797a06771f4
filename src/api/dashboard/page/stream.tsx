/**
 * The stream of samples of one model. `fetch` instead of `EventSource`, which can send no token; like it, this comes back
 * after an interruption and says what it has seen.
 */
import { sampleColumns, type Sample } from '../../../serving/services/series/contract.ts'
import { ask } from './client.tsx'

export interface StreamListener {
  readonly onSamples: (samples: readonly Sample[]) => void
  /** `undefined`: connected. */
  readonly onState: (error: unknown) => void
}

const AGAIN_MS = 2000

export async function follow(
  model: string,
  listener: StreamListener,
  signal: AbortSignal,
): Promise<void> {
  let seen: string | undefined
  const isOver = () => signal.aborted
  while (!isOver()) {
    try {
      const headers = seen === undefined ? {} : { 'last-event-id': seen }
      const path = `dashboard/events?model=${encodeURIComponent(model)}`
      const { body } = await ask(path, { headers, signal })
      listener.onState(undefined)
      for await (const { id, samples } of eventsIn(body)) {
        seen = id ?? seen
        listener.onSamples(samples)
      }
      listener.onState(new Error('the stream ended'))
    } catch (error) {
      if (isOver()) return
      listener.onState(error)
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
}

interface SamplesEvent {
  readonly id: string | undefined
  readonly samples: readonly Sample[]
}

async function* eventsIn(body: ReadableStream<Uint8Array> | null): AsyncGenerator<SamplesEvent> {
  const reader = body?.pipeThrough(new TextDecoderStream() as never).getReader()
  let text = ''
  for (;;) {
    const chunk = (await reader?.read()) as { done: boolean; value?: string } | undefined
    if (chunk === undefined || chunk.done) return
    const parts = (text + (chunk.value ?? '')).split('\n\n')
    text = parts.pop() ?? ''
    for (const part of parts) {
      const data = /^data: (.*)$/m.exec(part)?.[1]
      if (data === undefined) continue
      yield { id: /^id: (.*)$/m.exec(part)?.[1], samples: samplesIn(data) }
    }
  }
}

function samplesIn(data: string): readonly Sample[] {
  return (JSON.parse(data) as unknown[][]).map(
    (row) =>
      Object.fromEntries(sampleColumns.map((column, at) => [column, row[at]])) as unknown as Sample,
  )
}
