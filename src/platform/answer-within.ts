/**
 * A deadline for an answer over the network that is fair to the other end: a process that was busy itself, as one that trains
 * is, first reads what has arrived meanwhile, and only then gives up.
 */
import { setImmediate as afterReading } from 'node:timers/promises'

/** As often is what has arrived looked for: a reply of some size comes in pieces. */
const LOOKS = 3

/** Rejects with `Command timed out`; what became of the work is then unknown. */
export async function answerWithin<Answer>(waitMs: number, work: Promise<Answer>): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, waitMs)
  }).then(async () => {
    for (let look = 0; look < LOOKS; look += 1) await afterReading()
    throw new Error('Command timed out')
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
    // Whichever comes later is of no interest any more.
    work.catch(() => undefined)
    late.catch(() => undefined)
  }
}
