/**
 * A deadline for a network answer that allows for a busy process: a process that was busy itself (training, for
 * example) first reads what has arrived meanwhile, and only then gives up.
 */
import { setImmediate as afterReading } from 'node:timers/promises'

/** How often to check for arrived data: a large reply comes in pieces. */
const LOOKS = 3

/** Rejects with `Command timed out`; whether the work was done is then unknown. */
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
    // The slower of the two no longer matters.
    work.catch(() => undefined)
    late.catch(() => undefined)
  }
}
