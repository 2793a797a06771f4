/** Text from an environment variable or a flag; the schema decides its type. */
import { parse } from 'yaml'

export class Unparsed {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** Text if text is wanted, otherwise what YAML reads in it: numbers, booleans, `[a, b]`, `{ bert: ./minilm }`. */
  for(schema: { readonly type?: string }): unknown {
    if (schema.type === 'string') return this.#text
    try {
      return parse(this.#text) as unknown
    } catch {
      return this.#text
    }
  }
}
