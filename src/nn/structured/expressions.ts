/**
 * Regular expressions over bytes, stepped by derivatives: the derivative of an expression by a byte is the expression of what may
 * follow it. Equal expressions are one object, so that each is a state of an automaton that is built while it is walked.
 *
 *   ∂b(r s) = ∂b(r) s | [r matches ''] ∂b(s),   ∂b(r{l,m}) = ∂b(r) r{l−1,m−1},   ∂b(r | s) = ∂b(r) | ∂b(s)
 *
 * A rule stands for an expression by name, also inside itself: so nested JSON needs no stack of its own.
 *
 * Brzozowski (1964), "Derivatives of regular expressions", JACM 11(4); Owens, Reppy, Turon (2009), "Regular-expression
 * derivatives re-examined", JFP 19(2).
 */
type Shape =
  | { readonly kind: 'nothing' | 'end' }
  | { readonly kind: 'byte'; readonly ranges: readonly Range[] }
  | { readonly kind: 'then'; readonly first: Expression; readonly rest: Expression }
  | { readonly kind: 'either'; readonly options: readonly Expression[] }
  /** `of` matches at least one byte. */
  | {
      readonly kind: 'repeat'
      readonly of: Expression
      readonly least: number
      readonly most: number
    }
  | { readonly kind: 'rule'; readonly name: string; readonly resolve: () => Expression }

/** Both ends included. */
export type Range = readonly [from: number, to: number]

export type Expression = Shape & {
  readonly id: number
  /** Whether it matches the empty text. */
  readonly isNullable: boolean
  /** Bytes of the shortest text that it matches, or fewer, but 0 only if it matches the empty one. */
  readonly shortest: number
}

export class Expressions {
  readonly #known = new Map<string, Expression>()
  readonly #after = new Map<number, Map<number, Expression>>()
  /** Matches no text. */
  readonly nothing = this.#intern('0', { kind: 'nothing' }, 0)
  /** Matches the empty text alone. */
  readonly end = this.#intern('1', { kind: 'end' }, 0)

  byte(...ranges: readonly Range[]): Expression {
    return this.#intern(`b${ranges.join(';')}`, { kind: 'byte', ranges }, 1)
  }

  text(text: string): Expression {
    return this.sequence(...Array.from(Buffer.from(text), (byte) => this.byte([byte, byte])))
  }

  sequence(...parts: readonly Expression[]): Expression {
    return parts.reduceRight((rest, first) => this.#then(first, rest), this.end)
  }

  either(...options: readonly Expression[]): Expression {
    const flat = options.flatMap((each) => (each.kind === 'either' ? each.options : [each]))
    const all = [...new Set(flat)].filter(({ kind }) => kind !== 'nothing')
    all.sort((a, b) => a.id - b.id)
    const [only] = all
    if (only === undefined) return this.nothing
    if (all.length === 1) return only
    const key = `e${all.map(({ id }) => id).join(',')}`
    const shortest = Math.min(...all.map((each) => each.shortest))
    return this.#intern(key, { kind: 'either', options: all }, shortest)
  }

  optional(of: Expression): Expression {
    return this.either(this.end, of)
  }

  repeat(of: Expression, least: number, most: number): Expression {
    if (most <= 0) return this.end
    const shape = { kind: 'repeat', of, least, most } as const
    return this.#intern(`r${of.id},${least},${most}`, shape, least * of.shortest)
  }

  /** `resolve` is called when it is first stepped into; what it gives matches at least one byte. */
  rule(name: string, resolve: () => Expression): Expression {
    return this.#intern(`n${name}`, { kind: 'rule', name, resolve }, 1)
  }

  /** What may follow the byte. */
  after(of: Expression, byte: number): Expression {
    const known = this.#after.get(of.id) ?? new Map<number, Expression>()
    this.#after.set(of.id, known)
    const found = known.get(byte) ?? this.#derived(of, byte)
    known.set(byte, found)
    return found
  }

  /** One expression for all that match the same beginnings of at most `bytes` bytes: counts beyond them are one. */
  within(of: Expression, bytes: number): Expression {
    const parts: Expression[] = []
    let [rest, room] = [of, bytes]
    for (; rest.kind === 'then' && room > 0; rest = rest.rest) {
      parts.push(this.#within(rest.first, bytes))
      room -= rest.first.shortest
    }
    return this.sequence(...parts, room > 0 ? this.#within(rest, bytes) : rest)
  }

  #within(of: Expression, bytes: number): Expression {
    if (of.kind === 'either')
      return this.either(...of.options.map((each) => this.within(each, bytes)))
    if (of.kind === 'then') return this.within(of, bytes)
    if (of.kind !== 'repeat') return of
    const most = of.most > bytes ? Infinity : of.most
    return this.repeat(this.within(of.of, bytes), Math.min(of.least, bytes + 1), most)
  }

  /** Whether the whole text is matched. */
  matches(of: Expression, text: string): boolean {
    let state = of
    for (const byte of Buffer.from(text)) state = this.after(state, byte)
    return state.isNullable
  }

  #derived(of: Expression, byte: number): Expression {
    switch (of.kind) {
      case 'nothing':
      case 'end':
        return this.nothing
      case 'byte':
        return of.ranges.some(([from, to]) => byte >= from && byte <= to) ? this.end : this.nothing
      case 'then': {
        const begun = this.#then(this.after(of.first, byte), of.rest)
        return of.first.isNullable ? this.either(begun, this.after(of.rest, byte)) : begun
      }
      case 'either':
        return this.either(...of.options.map((each) => this.after(each, byte)))
      case 'repeat': {
        const rest = this.repeat(of.of, Math.max(0, of.least - 1), of.most - 1)
        return this.#then(this.after(of.of, byte), rest)
      }
      case 'rule':
        return this.after(of.resolve(), byte)
    }
  }

  #then(first: Expression, rest: Expression): Expression {
    if (first.kind === 'nothing' || rest.kind === 'nothing') return this.nothing
    const parts: Expression[] = []
    let last = first
    for (; last.kind === 'then'; last = last.rest) parts.push(last.first)
    return [...parts, last].reduceRight((behind, part) => this.#pair(part, behind), rest)
  }

  /** `first` is no sequence. */
  #pair(first: Expression, rest: Expression): Expression {
    if (first.kind === 'end') return rest
    if (rest.kind === 'end') return first
    const shape = { kind: 'then', first, rest } as const
    return this.#intern(`t${first.id},${rest.id}`, shape, first.shortest + rest.shortest)
  }

  #intern(key: string, shape: Shape, shortest: number): Expression {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const isNullable = shape.kind !== 'nothing' && shortest === 0
    const made = { ...shape, id: this.#known.size, isNullable, shortest }
    this.#known.set(key, made)
    return made
  }
}
