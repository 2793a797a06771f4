/**
 * One Python with Hugging Face PEFT for a whole run of vitest, started when the first test asks for it: to import it takes
 * eight seconds of CPU. This is vitest's global set-up, in the process that outlives the workers; they ask over a socket.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { peftPython } from '../../deploy/bootstrap/peft.mjs'

const script = fileURLToPath(new URL('../reference/real-peft.py', import.meta.url))

declare module 'vitest' {
  interface ProvidedContext {
    readonly peftSocket: string
  }
}

/** Each connection asks with one line and is answered with one, in turn. */
export async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-peft-socket-'))
  const socket = join(folder, 'peft')
  let peft: ReturnType<typeof startPeft> | undefined
  const server = createServer((asking) => {
    asking.on('error', () => undefined)
    createInterface({ input: asking }).once('line', (line) => {
      peft ??= startPeft()
      peft.ask(line, (answer) => asking.end(answer))
    })
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  project.provide('peftSocket', socket)
  return () => {
    server.close()
    peft?.child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

function startPeft() {
  const child = spawn(peftPython() ?? 'python', [script, 'serve'])
  let lastWords = ''
  child.stderr.on('data', (chunk) => (lastWords = (lastWords + String(chunk)).slice(-2000)))
  const waiting: ((answer: string) => void)[] = []
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(line))
  const fail = (reason: unknown) => {
    for (const answer of waiting.splice(0)) answer(JSON.stringify({ error: String(reason) }))
  }
  child.on('error', fail).on('exit', () => fail(`PEFT has ended: ${lastWords}`))
  child.stdin.on('error', fail)
  return {
    child: child as ChildProcess,
    ask(line: string, answer: (answer: string) => void) {
      waiting.push(answer)
      child.stdin.write(`${line}\n`)
    },
  }
}
