/** An answer of the daemon that is asked for again when something that it depends on has changed. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { get } from './client.tsx'

export interface Fresh<Answer> {
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
