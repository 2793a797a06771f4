/**
 * Sends dead letters to a sink besides the model's own file, such as a Kafka topic. They are written to the file first,
 * and those that the sink has not acknowledged are sent again, also after a restart: a sink recognises a letter by its
 * key.
 */
import { CodedError, rest, settles, type Clock, type Logger } from '../../contracts/core.ts'
import type { DeadLetter, Sink } from '../../contracts/connector.ts'
import type { UnsentLetters } from './dead-letters.ts'
import { openJitter } from '../../platform/random.ts'
import { RetryPolicy } from '../../platform/retry.ts'

export interface LetterOutboxOptions {
  readonly letters: UnsentLetters
  /** Closed together with this. */
  readonly sink: Sink
  readonly clock: Clock
  readonly log: Logger
  readonly onSent?: (count: number) => void
  /** Called for letters that the sink will never get: refused for good, or removed for space before they were sent. */
  readonly onUnsendable?: (count: number) => void
  /** How often the file is checked: another process writes it too. */
  readonly pollMs?: number
}

export interface LetterOutbox {
  waiting(): number
  /** Stops after the letters in flight, at most after `waitMs`; the rest is sent after the next start. Idempotent. */
  close(waitMs?: number): Promise<void>
}

export function openLetterOutbox(options: LetterOutboxOptions): LetterOutbox {
  const stop = new AbortController()
  const running = run(options, stop.signal)
  return {
    waiting: () => options.letters.count(),
    close: async (waitMs = 2000) => {
      if (stop.signal.aborted) return
      stop.abort()
      await settles(running, waitMs, options.clock)
      await options.sink.close()
    },
  }
}

const BATCH_LETTERS = 100
const POLL_MS = 1000
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 30_000

async function run(options: LetterOutboxOptions, signal: AbortSignal): Promise<void> {
  const { clock, log, pollMs = POLL_MS } = options
  const retry = new RetryPolicy({
    clock,
    jitter: openJitter('dead-letters'),
    firstMs: FIRST_PAUSE_MS,
    longestMs: LONGEST_PAUSE_MS,
  })
  for (let failures = 0; !signal.aborted;) {
    let pauseMs = pollMs
    try {
      // Letters that fit in one request are sent together.
      if (await sendSome(options, signal)) pauseMs = 0
      if (failures > 0) log.info({ failures }, 'sending dead letters again')
      failures = 0
    } catch (err) {
      if (failures === 0) log.warn({ err }, 'dead letters wait for their sink')
      pauseMs = retry.delayMs(failures)
      failures += 1
    }
    await rest(clock, pauseMs, signal)
  }
}

/** Whether there may be more. */
async function sendSome(options: LetterOutboxOptions, signal: AbortSignal): Promise<boolean> {
  const unsent = options.letters.next(BATCH_LETTERS)
  const last = unsent.at(-1)
  if (last === undefined) return false
  const letters = unsent.map(({ letter }) => letter)
  const refused = await write(options, letters, signal)
  if (refused === undefined) return false
  const gone = await options.letters.sent(last.number, letters.length)
  if (gone > 0)
    options.log.warn({ gone }, 'dead letters were removed for space before they were sent')
  if (gone + refused > 0) options.onUnsendable?.(gone + refused)
  options.onSent?.(letters.length - refused)
  return unsent.length === BATCH_LETTERS
}

/**
 * A letter that the sink refuses for good must not block the others: it stays in the file. Returns the number of these,
 * or undefined if it was stopped on the way; all are then sent again.
 */
async function write(
  { sink, log }: LetterOutboxOptions,
  letters: readonly DeadLetter[],
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    await sink.write(letters)
    return 0
  } catch (error) {
    if (!isFinal(error)) throw error
  }
  let refused = 0
  for (const letter of letters) {
    if (signal.aborted) return undefined
    try {
      await sink.write([letter])
    } catch (err) {
      if (!isFinal(err)) throw err
      log.error({ err, key: letter.key }, 'the sink refuses a dead letter; it stays in its file')
      refused += 1
    }
  }
  return refused
}

/**
 * An error about this letter. An error of the sink itself is the same for all letters, so they wait until it is fixed.
 */
function isFinal(error: unknown): boolean {
  return error instanceof CodedError && !error.retriable && !aboutTheSink.has(error.code)
}

const aboutTheSink: ReadonlySet<string> = new Set(['BROKER_REFUSED', 'DATA_DIR_UNWRITABLE'])
