/**
 * The output of a trainer process on stderr. The lines of its log go into the log of the daemon, so that the program that embeds
 * it decides about them, too. Dropped is what libtensorflow says while it loads, before its own log level applies: an information
 * line about oneDNN and a warning that it goes to stderr. Everything else is passed on as it is.
 */
import { Transform } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import type { Logger } from '../../contracts/core.ts'

const NOISE = /^(WARNING: All log messages before absl::InitializeLog\(\)|I0000 00:00:)/

/** Passes on complete lines, and the rest at the end. */
export function withoutLog(log: Logger): Transform {
  // A character of several bytes may begin in one chunk and end in the next.
  const decoder = new StringDecoder()
  let rest = ''
  return new Transform({
    decodeStrings: false,
    transform(chunk: Buffer | string, _encoding, done) {
      const lines = (rest + decoder.write(chunk)).split('\n')
      rest = lines.pop() ?? ''
      done(null, lines.map((line) => passedOn(line, '\n', log)).join(''))
    },
    flush(done) {
      const last = rest + decoder.end()
      done(null, passedOn(last, '', log))
    },
  })
}

function passedOn(line: string, end: string, log: Logger): string {
  if (NOISE.test(line)) return ''
  const logged = logLine(line)
  if (logged === undefined) return line + end
  log[logged.level](logged.details, logged.message)
  return ''
}

type Level = Exclude<keyof Logger, 'child'>
const levels: ReadonlySet<string> = new Set<Level>(['debug', 'info', 'warn', 'error'])

/** As pino writes it; the time is that of the daemon's own line. */
function logLine(line: string) {
  if (!line.startsWith('{')) return undefined
  try {
    const { level, time: _time, msg, ...details } = JSON.parse(line) as Record<string, unknown>
    if (typeof level !== 'string' || !levels.has(level)) return undefined
    const message = typeof msg === 'string' ? msg : ''
    return { level: level as Level, details: { ...details, ...errorIn(details) }, message }
  } catch {
    return undefined
  }
}

/** pino takes the type of an error from its constructor, or else from its name: this one is an object by now. */
function errorIn({ err }: Readonly<Record<string, unknown>>) {
  if (typeof err !== 'object' || err === null || !('type' in err)) return {}
  return { err: Object.assign(Object.create(null), err, { name: err.type }) as object }
}
