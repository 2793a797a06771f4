import type { Places } from './places.mjs'

export interface Progress {
  say(text: string): void
  begin(text: string): void
  doing(text: string): void
  end(text: string): void
}

export interface SetUpContext {
  readonly places: Places
  readonly progress: Progress
  /** Asked for by name: what could not be had the last time is tried again. */
  readonly retry?: boolean
}

export interface Step {
  readonly name: string
  readonly when?: 'always' | 'tests' | 'services' | 'all'
  /** Absent = `set-up`. */
  readonly lock?: string
  done(context: SetUpContext): boolean
  /** A string that it answers is printed as the result. */
  run(context: SetUpContext): string | void | Promise<string | void>
}

export function setUp(steps: readonly Step[], context: SetUpContext): Promise<string[]>
