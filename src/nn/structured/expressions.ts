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
  /** Sequences, by both ids: by far the most. */
  readonly #pairs = new Map<number, Expression>()
  readonly #single: Expression[] = []
  #work = 0
  /** By state, and by the place of the byte between its cuts. */
  readonly #after: (Expression | undefined)[][] = []
  /** Of each state, in order: the bytes whose derivative may differ from that of the byte before. */
  readonly #cuts: (readonly number[] | undefined)[] = []
  /** Matches no text. */
  readonly nothing = this.#intern('0', { kind: 'nothing' }, 0)
  /** Matches the empty text alone. */
  readonly end = this.#intern('1', { kind: 'end' }, 0)

  /** Counts what was put together: in proportion to the time that it took. */
  get work(): number {
    return this.#work
  }

  byte(...ranges: readonly Range[]): Expression {
    return this.#intern(`b${ranges.join(';')}`, { kind: 'byte', ranges }, 1)
  }

  text(text: string): Expression {
    return this.#bytes(Buffer.from(text), this.end)
  }

  /** Any of them. Their common beginnings are walked once, so that a byte leaves few to compare. */
  texts(texts: readonly string[]): Expression {
    const all = [...new Set(texts)].map((text) => Buffer.from(text))
    return this.#branches(all.sort((a, b) => Buffer.compare(a, b)))
  }

  sequence(...parts: readonly Expression[]): Expression {
    return parts.reduceRight((rest, first) => this.#then(first, rest), this.end)
  }

  either(...options: readonly Expression[]): Expression {
    const flat = options.flatMap((each) => (each.kind === 'either' ? each.options : [each]))
    this.#work += flat.length
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
    const known = (this.#after[of.id] ??= [])
    return (known[placeOf(byte, this.#cutsOf(of))] ??= this.#derived(of, byte))
  }

  #cutsOf(of: Expression): readonly number[] {
    return (this.#cuts[of.id] ??= [...new Set(this.#cut(of))].sort((a, b) => a - b))
  }

  #cut(of: Expression): readonly number[] {
    switch (of.kind) {
      case 'nothing':
      case 'end':
        return []
      case 'byte':
        return of.ranges.flatMap(([from, to]) => [from, to + 1])
      case 'then': {
        const first = this.#cutsOf(of.first)
        return of.first.isNullable ? [...first, ...this.#cutsOf(of.rest)] : first
      }
      case 'either':
        return of.options.flatMap((each) => this.#cutsOf(each))
      case 'repeat':
        return this.#cutsOf(of.of)
      case 'rule':
        return this.#cutsOf(of.resolve())
    }
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

  /** Of sorted texts, all different. */
  #branches(texts: readonly Uint8Array[]): Expression {
    const [first = new Uint8Array(), ...others] = texts
    if (others.length === 0) return this.#bytes(first, this.end)
    const last = others[others.length - 1] ?? first
    const differs = first.findIndex((byte, at) => byte !== last[at])
    const common = differs < 0 ? first.length : differs
    const groups = new Map<number | undefined, Uint8Array[]>()
    for (const text of texts) {
      const group = groups.get(text[common]) ?? []
      group.push(text.subarray(common))
      groups.set(text[common], group)
    }
    const branches = Array.from(groups.values(), (group) => this.#branches(group))
    return this.#bytes(first.subarray(0, common), this.either(...branches))
  }

  #bytes(bytes: Uint8Array, rest: Expression): Expression {
    let state = rest
    for (let at = bytes.length - 1; at >= 0; at -= 1) {
      const byte = bytes[at] ?? 0
      const one = (this.#single[byte] ??= this.byte([byte, byte]))
      state = this.#pair(one, state)
    }
    return state
  }

  /** `first` is no sequence. */
  #pair(first: Expression, rest: Expression): Expression {
    if (first.kind === 'end') return rest
    if (rest.kind === 'end') return first
    if (rest.kind === 'nothing') return rest
    this.#work += 1
    const key = first.id * MOST_IDS + rest.id
    const known = this.#pairs.get(key)
    if (known !== undefined) return known
    const shortest = first.shortest + rest.shortest
    const isNullable = shortest === 0
    // Written out, because these are made by the thousand.
    const made: Expression = { kind: 'then', first, rest, id: this.#nextId, isNullable, shortest }
    this.#pairs.set(key, made)
    return made
  }

  #intern(key: string, shape: Shape, shortest: number): Expression {
    this.#work += 1
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const isNullable = shape.kind !== 'nothing' && shortest === 0
    const made = { ...shape, id: this.#nextId, isNullable, shortest }
    this.#known.set(key, made)
    return made
  }

  get #nextId(): number {
    return this.#known.size + this.#pairs.size
  }
}

/** How many of the cuts are at most the byte. */
function placeOf(byte: number, cuts: readonly number[]): number {
  let [low, high] = [0, cuts.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((cuts[middle] ?? 0) > byte) high = middle
    else low = middle + 1
  }
  return low
}

/** Two ids are one number, exactly. */
const MOST_IDS = 2 ** 26
