/** Requests to the daemon that served the page. Paths are relative, so that it may stand behind a proxy's path. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'

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

export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
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
