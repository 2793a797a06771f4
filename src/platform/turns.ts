/** A bound on how many pieces of asynchronous work run at once; the others wait in the order of their calls. */

export type Turns = <Result>(work: () => Promise<Result>) => Promise<Result>

export function openTurns(atOnce: number): Turns {
  const waiting: (() => void)[] = []
  let running = 0
  return async (work) => {
    if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve))
    else running += 1
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}
