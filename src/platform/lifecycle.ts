/**
 * How a process ends. SIGTERM or SIGINT stops everything that was started, last first, within a deadline; a second
 * signal ends at once. SIGHUP reloads the configuration where a handler is set, and otherwise ends the process like the
 * other signals.
 *
 * An uncaught error also ends the process at once, with exit code 70: state is saved in transactions, so a crash loses
 * nothing, while continuing after an unknown error might.
 */
import { constants } from 'node:os'
import { settles, type Clock, type Logger } from '../contracts/core.ts'
import { systemClock } from './clock.ts'

export interface Lifecycle {
  /** `stop` runs at the end, before those that were registered earlier. */
  onStop(name: string, stop: () => Promise<void> | void): void
  /** Sets the handler for SIGHUP. It must not reject. */
  onReload(reload: () => Promise<void>): void
  /** Begins the orderly shutdown; returns the same promise each time. Resolves with the exit code. */
  stop(reason: string): Promise<number>
  /** Aborted as soon as the shutdown begins. */
  readonly signal: AbortSignal
}

/** The part of the process that a lifecycle needs; tests pass a smaller one. */
export interface ProcessEvents {
  on(event: string, listener: (fault: unknown) => void): unknown
  exit(code: number): unknown
}

const EXIT_SOFTWARE = 70
const EXIT_TEMPORARY = 75

export function openLifecycle(options: {
  readonly log: Logger
  readonly deadlineMs: number
  readonly clock?: Clock
  readonly process?: ProcessEvents
}): Lifecycle {
  const host = options.process ?? process
  const steps: Step[] = []
  const controller = new AbortController()
  let ending: Promise<number> | undefined
  /** In sequence. */
  let reloading: Promise<void> = Promise.resolve()
  let reload: (() => Promise<void>) | undefined

  const lifecycle: Lifecycle = {
    onStop: (name, stop) => steps.push({ name, stop }),
    onReload(work) {
      reload = work
    },
    stop(reason) {
      ending ??= end(reason)
      return ending
    },
    signal: controller.signal,
  }

  async function end(reason: string): Promise<number> {
    options.log.info({ reason }, 'shutting down')
    controller.abort(new Error(reason))
    const clock = options.clock ?? systemClock
    const code = await stopAll(steps, options.deadlineMs, clock, options.log)
    options.log.info({ code }, 'stopped')
    return code
  }

  function onHangUp(): void {
    const work = reload
    if (work === undefined) onSignal('SIGHUP')
    else if (ending === undefined) reloading = reloading.then(work)
  }

  function onSignal(name: 'SIGTERM' | 'SIGINT' | 'SIGHUP'): void {
    if (ending !== undefined) {
      options.log.warn({ signal: name }, 'second signal: ending at once')
      host.exit(128 + constants.signals[name])
      return
    }
    void lifecycle.stop(name).then((code) => host.exit(code))
  }

  function onFault(kind: string, fault: unknown): void {
    options.log.error({ err: fault }, kind)
    host.exit(EXIT_SOFTWARE)
  }

  host.on('SIGTERM', () => onSignal('SIGTERM'))
  host.on('SIGINT', () => onSignal('SIGINT'))
  host.on('SIGHUP', onHangUp)
  host.on('uncaughtException', (fault: unknown) => onFault('uncaught exception', fault))
  host.on('unhandledRejection', (fault: unknown) => onFault('unhandled rejection', fault))
  return lifecycle
}

interface Step {
  readonly name: string
  readonly stop: () => Promise<void> | void
}

/** Every step runs, also after one failed: a later step may save data. */
async function stopAll(
  steps: readonly Step[],
  deadlineMs: number,
  clock: Clock,
  log: Logger,
): Promise<number> {
  let running = ''
  const work = (async () => {
    let code = 0
    for (const { name, stop } of [...steps].reverse()) {
      running = name
      if (!(await stopOne(name, stop, log))) code = EXIT_SOFTWARE
    }
    return code
  })()
  if (await settles(work, deadlineMs, clock)) return work
  log.error({ step: running, deadlineMs }, 'the shutdown deadline has passed')
  return EXIT_TEMPORARY
}

async function stopOne(name: string, stop: Step['stop'], log: Logger): Promise<boolean> {
  try {
    await stop()
    return true
  } catch (err) {
    log.error({ err, step: name }, 'could not shut down cleanly')
    return false
  }
}
