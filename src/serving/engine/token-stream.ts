/**
 * A queue of the tokens of one text, in order, for one reader. It grows until the text ends, so the length of the
 * text is its bound. A reader that stops early cancels the text.
 */
export class TokenStream<Item> implements AsyncIterableIterator<Item> {
  readonly #items: Item[] = []
  readonly #onCancel: () => void
  #isEnded = false
  #error: { readonly reason: unknown } | undefined
  #wake: (() => void) | undefined

  /** `onCancel`: the reader wants no more. */
  constructor(onCancel: () => void) {
    this.#onCancel = onCancel
  }

  push(item: Item): void {
    if (this.#isEnded) return
    this.#items.push(item)
    this.#wake?.()
  }

  end(): void {
    this.#isEnded = true
    this.#wake?.()
  }

  /** The reader gets the error after the items that were pushed before. The first reason counts. */
  fail(reason: unknown): void {
    if (this.#isEnded) return
    this.#error = { reason }
    this.end()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Item>> {
    while (this.#items.length === 0 && !this.#isEnded)
      await new Promise<void>((resolve) => (this.#wake = resolve))
    const item = this.#items.shift()
    if (item !== undefined) return { value: item, done: false }
    const error = this.#error
    this.#error = undefined
    if (error !== undefined) throw error.reason
    return { value: undefined, done: true }
  }

  return(): Promise<IteratorResult<Item>> {
    if (!this.#isEnded) this.#onCancel()
    this.#items.length = 0
    this.end()
    return Promise.resolve({ value: undefined, done: true })
  }
}
