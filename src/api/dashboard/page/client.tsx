/** Requests to the daemon that served the page, and its stream. Paths are relative, so that it may stand behind a proxy's path. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { sampleColumns, type Sample } from '../../../serving/services/series/contract.ts'

/** Kept until the tab is closed, and never sent anywhere but to this daemon. */
const TOKEN = 'antikythera-token'

export function token(): string {
  return sessionStorage.getItem(TOKEN) ?? ''
}

export function setToken(value: string): void {
  if (value === '') sessionStorage.removeItem(TOKEN)
  else sessionStorage.setItem(TOKEN, value)
}

/** A refusal as `/v1` gives it, with what to do about it. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly fix: string | undefined

  constructor(status: number, problem: Problem) {
    super(problem.detail ?? `the daemon answered ${status}`)
    this.status = status
    this.code = problem.code ?? String(status)
    this.fix = problem.fix
  }
}

interface Problem {
  readonly code?: string
  readonly detail?: string
  readonly fix?: string | undefined
}

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  if (token() !== '') headers.set('authorization', `Bearer ${token()}`)
  const response = await fetch(path, { ...init, headers })
  if (response.ok) return response
  throw new Refusal(response.status, await problemIn(response))
}

async function problemIn(response: Response): Promise<Problem> {
  try {
    return (await response.json()) as Problem
  } catch {
    return {}
  }
}

export async function get<Answer>(path: string): Promise<Answer> {
  return (await (await ask(path)).json()) as Answer
}

export async function send<Answer>(
  method: 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: object,
): Promise<Answer> {
  const headers = { 'content-type': 'application/json' }
  const init = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) }
  return (await (await ask(path, init)).json()) as Answer
}

export function modelPath(model: string, rest = ''): string {
  return `v1/models/${encodeURIComponent(model)}${rest}`
}

export function textOf(error: unknown): string {
  if (!(error instanceof Refusal)) return 'the daemon does not answer'
  return error.fix === undefined ? error.message : `${error.message}. ${error.fix}`
}

/** An answer of the daemon that is asked for again when something that it depends on has changed. */
interface Fresh<Answer> {
  readonly answer: Answer | undefined
  readonly error: unknown
  readonly reload: () => void
}

/** Not more often than this, however fast the changes come. */
const PAUSE_MS = 1000

/** `path` undefined: nothing is asked. Asks at once for another path, and soon when `key` is another. */
export function useFresh<Answer>(path: string | undefined, key: unknown): Fresh<Answer> {
  const [state, setState] = useState<{ path?: string; answer?: Answer; error?: unknown }>({})
  const [turn, setTurn] = useState(0)
  const last = useRef({ path: '', timeMs: 0 })
  const wanted = useRef(path)
  wanted.current = path
  useEffect(() => {
    if (path === undefined) return undefined
    const load = async () => {
      last.current = { path, timeMs: Date.now() }
      try {
        const answer = await get<Answer>(path)
        if (wanted.current === path) setState({ path, answer })
      } catch (error) {
        if (wanted.current === path)
          setState((before) => (before.path === path ? { ...before, error } : { path, error }))
      }
    }
    const wait = last.current.path === path ? last.current.timeMs + PAUSE_MS - Date.now() : 0
    const timer = setTimeout(() => void load(), Math.max(0, wait))
    return () => {
      clearTimeout(timer)
    }
  }, [path, key, turn])
  const reload = useCallback(() => {
    last.current = { path: '', timeMs: 0 }
    setTurn((before) => before + 1)
  }, [])
  const isOfPath = state.path === path
  return {
    answer: isOfPath ? state.answer : undefined,
    error: isOfPath ? state.error : undefined,
    reload,
  }
}

interface StreamListener {
  readonly onSamples: (samples: readonly Sample[]) => void
  /** `undefined`: connected. */
  readonly onState: (error: unknown) => void
}

const AGAIN_MS = 2000

/**
 * The stream of samples of one model. `fetch` instead of `EventSource`, which can send no token; like it, this comes back
 * after an interruption and says what it has seen.
 */
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
