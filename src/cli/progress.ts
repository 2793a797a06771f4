/**
 * Progress of a long command, on stderr: a bar on a terminal; otherwise an occasional line, so that the log of a long
 * run stays short.
 */
import { SingleBar } from 'cli-progress'
import type { Clock } from '../contracts/core.ts'

export interface Progress {
  /** `done` of `total` units; `items` is the count for the rate. */
  update(state: {
    readonly done: number
    readonly total: number | undefined
    readonly items: number
  }): void
  say(line: string): void
  end(): void
}

export interface ProgressOptions {
  readonly clock: Clock
  /** The unit of the count, e.g. `events`. */
  readonly unit: string
  readonly isTerminal?: boolean
  readonly write?: (text: string) => void
}

const LINE_EVERY_MS = 2000

export function openProgress(options: ProgressOptions): Progress {
  const isTerminal = options.isTerminal ?? process.stderr.isTTY
  return isTerminal ? bar(options) : lines(options)
}

interface Pace {
  readonly perSecond: number
  /** Undefined while it cannot be known. */
  readonly leftSeconds: number | undefined
}

function paceMeter(clock: Clock) {
  const begunMs = clock.monotonicMs()
  return ({ done, total, items }: Parameters<Progress['update']>[0]): Pace => {
    const seconds = Math.max(0.001, (clock.monotonicMs() - begunMs) / 1000)
    const isKnown = total !== undefined && done > 0
    return {
      perSecond: items / seconds,
      leftSeconds: isKnown ? (seconds * (total - done)) / done : undefined,
    }
  }
}

function bar({ clock, unit }: ProgressOptions): Progress {
  const pace = paceMeter(clock)
  const shown = new SingleBar({
    format: `{bar} {percentage} %  {items} ${unit}  {rate}/s  {left} left`,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    barsize: 30,
  })
  shown.start(1, 0, { items: 0, rate: '-', left: '-' })
  return {
    update(state) {
      const { perSecond, leftSeconds } = pace(state)
      shown.setTotal(state.total ?? Math.max(1, state.done))
      const left = leftSeconds === undefined ? '?' : duration(leftSeconds)
      shown.update(state.done, { items: state.items, rate: perSecond.toFixed(0), left })
    },
    say(line) {
      // The bar's line is overwritten and drawn again at its next update.
      process.stderr.write(`\r\u001b[K${line}\n`)
    },
    end: () => shown.stop(),
  }
}

function lines({
  clock,
  unit,
  write = (text) => process.stderr.write(text),
}: ProgressOptions): Progress {
  const pace = paceMeter(clock)
  let lastMs = clock.monotonicMs()
  return {
    update(state) {
      const nowMs = clock.monotonicMs()
      if (nowMs - lastMs < LINE_EVERY_MS) return
      lastMs = nowMs
      const { perSecond, leftSeconds } = pace(state)
      const share =
        state.total === undefined ? '' : `${((100 * state.done) / state.total).toFixed(0)} %, `
      const left = leftSeconds === undefined ? '' : `, ${duration(leftSeconds)} left`
      write(`${share}${state.items} ${unit}, ${perSecond.toFixed(0)}/s${left}\n`)
    },
    say: (line) => {
      write(`${line}\n`)
    },
    end: () => undefined,
  }
}

/** 75 → 1 min 15 s */
export function duration(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}
