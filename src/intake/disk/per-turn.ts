/** Reads once a turn of the event loop, however many requests of that turn ask. `forget` after a write that all must see. */
export interface PerTurn<Value> {
  (): Value
  forget(): void
}

export function perTurn<Value>(read: () => Value): PerTurn<Value> {
  let held: { readonly value: Value } | undefined
  const forget = () => {
    held = undefined
  }
  const answer = () => {
    if (held !== undefined) return held.value
    const value = read()
    held = { value }
    setImmediate(forget)
    return value
  }
  return Object.assign(answer, { forget })
}
