/**
 * The stream of samples of one model. `fetch` instead of `EventSource`, which can send no token; like it, this comes back
 * after an interruption and says what it has seen.
 */
import { ask } from './client.tsx'

/** A point of the line. */
export interface Sample {
  readonly timeMs: number
  /** The headline; null before there is one. */
  readonly value: number | null
  readonly baseline: number | null
  readonly count: number
  readonly lag: number
  readonly pending: number
  readonly version: string | null
  readonly generation: number | null
  readonly alarms: number
  readonly state: string
}

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
      for await (const { id, rows } of eventsIn(body)) {
        seen = id ?? seen
        listener.onSamples(rows.map(sampleOf))
      }
      listener.onState(new Error('the stream ended'))
    } catch (error) {
      if (isOver()) return
      listener.onState(error)
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
}

type Row = [
  ...[timeMs: number, value: number | null, count: number, lag: number, pending: number],
  ...[version: string | null, generation: number | null, alarms: number, state: string],
  baseline: number | null,
]

interface SamplesEvent {
  readonly id: string | undefined
  readonly rows: readonly Row[]
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
      yield { id: /^id: (.*)$/m.exec(part)?.[1], rows: JSON.parse(data) as Row[] }
    }
  }
}

function sampleOf(row: Row): Sample {
  const [timeMs, value, count, lag, pending, version, generation, alarms, state, baseline] = row
  return { timeMs, value, count, lag, pending, version, generation, alarms, state, baseline }
}
