/**
 * Says what set-up is doing and how far it is: one line that is rewritten on a terminal, a line every five seconds
 * elsewhere. All of it goes to stderr, so that what a command answers on stdout stays clean.
 */
const EVERY_MS = 5000

export function createProgress(stream = process.stderr) {
  const live = Boolean(stream.isTTY)
  let shown = ''
  let lastAt = 0
  let started = Date.now()

  const clear = () => {
    if (live && shown) stream.write('\r\x1b[K')
    shown = ''
  }
  const say = (text) => {
    clear()
    stream.write(`${text}\n`)
  }

  return {
    say,
    begin(text) {
      started = lastAt = Date.now()
      say(text)
    },
    /** How far the step is; may be called as often as one likes. */
    doing(text) {
      const line = `    ${text}, ${elapsed(started)}`
      if (live) {
        clear()
        stream.write(line.slice(0, (stream.columns ?? 80) - 1))
        shown = line
      } else if (Date.now() - lastAt >= EVERY_MS) {
        lastAt = Date.now()
        stream.write(`${line}\n`)
      }
    },
    end(text) {
      say(`    ${text}, ${elapsed(started)}`)
    },
  }
}

function elapsed(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`
}

export const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`
