/** Events for tests of the loop, as their sources carry them. */

/** Ten words say yes, ten say no, so that there is something to learn. */
export function lessons(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, at) => labelled(`e-${from + at}`, (from + at) % 2 === 0))
}

export function labelled(id: string, isYes: boolean): string {
  return event({ id, text: isYes ? 'good fine' : 'awful bad', label: isYes ? 'yes' : 'no' })
}

export function event(fields: object): string {
  return JSON.stringify(fields)
}
