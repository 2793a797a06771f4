/** What was made of each input that still exists: work that takes long, done once, before `encode` asks for it. */
import type { Input } from '../contracts/event.ts'

export class PreparedInputs<Made extends object> {
  readonly #make: (input: Input, maxTokens: number) => Promise<Made>
  readonly #made = new WeakMap<Input, Made>()
  readonly #making = new WeakMap<Input, Promise<void>>()

  constructor(make: (input: Input, maxTokens: number) => Promise<Made>) {
    this.#make = make
  }

  of(input: Input): Made | undefined {
    return this.#made.get(input)
  }

  async prepare(input: Input, maxTokens: number): Promise<void> {
    if (this.#made.has(input)) return
    const making =
      this.#making.get(input) ??
      this.#make(input, maxTokens)
        .then((made) => void this.#made.set(input, made))
        .finally(() => this.#making.delete(input))
    this.#making.set(input, making)
    return making
  }
}
