/** Processes that take turns in a measurement, so that a busy machine slows all of them equally. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** The most of its stderr that is shown if it ends, in characters. */
const SAID = 4000

/** A process that says what it is in its first line, and answers each line, a number of steps, with one line of JSON. */
export async function openChild(program, words, env = {}) {
  const child = spawn(program, words, { env: { ...process.env, ...env } })
  let said = ''
  child.stderr.on('data', (chunk) => (said = `${said}${chunk}`.slice(-SAID)))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`${program} ${words.join(' ')} ended:\n${said}`)
    return value.startsWith('{') ? JSON.parse(value) : next()
  }
  const facts = await next()
  return {
    facts,
    run: async (steps) => {
      child.stdin.write(`${steps}\n`)
      return next()
    },
    stop: async () => {
      const gone = once(child, 'exit')
      child.stdin.end()
      await gone
    },
  }
}
