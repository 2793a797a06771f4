/**
 * Text from an environment variable or a flag; the schema decides its type. It comes with its parser: a trainer only settles
 * values that were parsed in the server, and to load YAML for them takes a tenth of its start.
 */
export class UnparsedText {
  readonly #text: string
  readonly #parse: (text: string) => unknown

  constructor(text: string, parse: (text: string) => unknown) {
    this.#text = text
    this.#parse = parse
  }

  /** Text if text is wanted, otherwise what YAML reads in it: numbers, booleans, `[a, b]`, `{ bert: ./minilm }`. */
  for(schema: { readonly type?: string }): unknown {
    if (schema.type === 'string') return this.#text
    try {
      return this.#parse(this.#text)
    } catch {
      return this.#text
    }
  }
}
