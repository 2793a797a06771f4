/**
 * What was made of each input that still exists: work that takes long, done once, before `encode` asks for it. It ends early when
 * no caller waits for it any longer.
 */
import { setMaxListeners } from 'node:events'
import type { Input } from '../contracts/event.ts'

type MakeInput<Made> = (input: Input, maxTokens: number, signal: AbortSignal) => Promise<Made>

interface Preparation {
  readonly work: Promise<void>
  /** Once for each caller; one without a signal never leaves. */
  readonly join: (signal: AbortSignal | undefined) => void
}

export class PreparedInputs<Made extends object> {
  readonly #make: MakeInput<Made>
  readonly #made = new WeakMap<Input, Made>()
  readonly #making = new WeakMap<Input, Preparation>()

  constructor(make: MakeInput<Made>) {
    this.#make = make
  }

  of(input: Input): Made | undefined {
    return this.#made.get(input)
  }

  async prepare(input: Input, maxTokens: number, signal?: AbortSignal): Promise<void> {
    if (this.#made.has(input)) return
    signal?.throwIfAborted()
    const preparation = this.#making.get(input) ?? this.#start(input, maxTokens)
    preparation.join(signal)
    return preparation.work
  }

  #start(input: Input, maxTokens: number): Preparation {
    const [abandoned, settled] = [new AbortController(), new AbortController()]
    let callers = 0
    const leave = (reason: unknown) => {
      callers -= 1
      if (callers > 0) return
      // A later caller begins from the start.
      this.#making.delete(input)
      abandoned.abort(reason)
    }
    const preparation: Preparation = {
      work: this.#make(input, maxTokens, abandoned.signal)
        .then((made) => void this.#made.set(input, made))
        .finally(() => {
          settled.abort()
          if (this.#making.get(input) === preparation) this.#making.delete(input)
        }),
      join(signal) {
        callers += 1
        if (signal === undefined) return
        // One request has many inputs.
        setMaxListeners(0, signal)
        signal.addEventListener('abort', () => leave(signal.reason), { signal: settled.signal })
      },
    }
    this.#making.set(input, preparation)
    return preparation
  }
}
