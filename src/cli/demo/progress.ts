/** The demo's progress: a bar on a terminal, otherwise a line for each tenth. All output goes to stderr. */
import { SingleBar } from 'cli-progress'
import type { Clock } from '../../contracts/core.ts'

export interface DemoProgress {
  /** A separate line: the current step. */
  say(line: string): void
  /** The progress of the present stage; `what`: in a word, what was done to each. */
  update(done: number, total: number, what?: string): void
}

export interface ShownProgress extends DemoProgress {
  /** Removes the bar, so that the table can be printed. */
  end(): void
}

export function showProgress(clock: Clock): ShownProgress {
  const begunMs = clock.monotonicMs()
  const seconds = () => `${((clock.monotonicMs() - begunMs) / 1000).toFixed(1).padStart(6)} s`
  const say = (line: string) => {
    process.stderr.write(`${seconds()}  ${line}\n`)
  }
  return process.stderr.isTTY ? barProgress(say) : lineProgress(say)
}

function barProgress(say: (line: string) => void): ShownProgress {
  const bar = new SingleBar({
    format: '          {bar} {value}/{total}  {rate}/s  {left} left',
    barsize: 30,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  })
  let startedMs = 0
  const stop = () => {
    if (bar.isActive) bar.stop()
  }
  return {
    say(line) {
      stop()
      say(line)
    },
    update(done, total) {
      if (!bar.isActive) {
        startedMs = performance.now() - 1
        bar.start(total, done, { rate: '-', left: '-' })
      }
      if (done === 0) return
      const rate = (1000 * done) / (performance.now() - startedMs)
      bar.update(done, { rate: rate.toFixed(0), left: `${((total - done) / rate).toFixed(0)} s` })
    },
    end: stop,
  }
}

function lineProgress(say: (line: string) => void): ShownProgress {
  let tenth = 0
  return {
    say(line) {
      tenth = 0
      say(line)
    },
    update(done, total, what = 'learned') {
      const now = Math.floor((10 * done) / total)
      if (now <= tenth) return
      tenth = now
      say(`  ${done} of ${total} ${what}`)
    },
    end: () => undefined,
  }
}
