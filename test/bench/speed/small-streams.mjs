/** The streams of speed-small: drawn, so that they are the same in every program that reads them. Printed as JSON lines by itself. */
import { pathToFileURL } from 'node:url'
import { driftStream } from '../lib/drift-streams.mjs'
import { hyperplane, labelStream } from '../lib/drawn-streams.mjs'

/** A process compiles its hot code in the first thousand. */
export const EVENTS = 2000
const SEED = 201

const streams = {
  sine1: () => driftStream('sine1, at once', { seed: SEED }).rows,
  hyperplane: () => hyperplane(SEED),
  forty: () => labelStream(SEED),
}

export function smallStream(name) {
  return streams[name]().slice(0, EVENTS)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  for (const row of smallStream(process.argv[2])) process.stdout.write(`${JSON.stringify(row)}\n`)
