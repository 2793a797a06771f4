/**
 * The output of libtensorflow on stderr while it loads, before its own log level applies: an information line about
 * oneDNN and a warning that it goes to stderr. All other output of a trainer process is passed on.
 */
import { Transform } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

const NOISE = /^(WARNING: All log messages before absl::InitializeLog\(\)|I0000 00:00:)/

/** Passes complete lines on, and the rest at the end. */
export function withoutNativeNoise(): Transform {
  // A character of several bytes may begin in one chunk and end in the next.
  const decoder = new StringDecoder()
  let rest = ''
  return new Transform({
    decodeStrings: false,
    transform(chunk: Buffer | string, _encoding, done) {
      const lines = (rest + decoder.write(chunk)).split('\n')
      rest = lines.pop() ?? ''
      done(null, lines.filter(isWanted).map(ended).join(''))
    },
    flush(done) {
      const last = rest + decoder.end()
      done(null, isWanted(last) ? last : '')
    },
  })
}

function isWanted(line: string): boolean {
  return !NOISE.test(line)
}

function ended(line: string): string {
  return `${line}\n`
}
