/**
 * The output of libtensorflow on stderr while it loads, before its own log level applies: an information line about
 * oneDNN and a warning that it goes to stderr. All other output of a trainer process is passed on.
 */
import { Transform } from 'node:stream'

const NOISE = /^(WARNING: All log messages before absl::InitializeLog\(\)|I0000 00:00:)/

/** Passes complete lines on, and the rest at the end. */
export function withoutNativeNoise(): Transform {
  let rest = ''
  return new Transform({
    decodeStrings: false,
    transform(chunk: Buffer | string, _encoding, done) {
      const lines = (rest + chunk.toString()).split('\n')
      rest = lines.pop() ?? ''
      done(null, lines.filter(isWanted).map(ended).join(''))
    },
    flush(done) {
      done(null, isWanted(rest) ? rest : '')
    },
  })
}

function isWanted(line: string): boolean {
  return !NOISE.test(line)
}

function ended(line: string): string {
  return `${line}\n`
}
