/** The peer of speed-freshness as a process: torch and PEFT behind FastAPI, asked and taught over HTTP like the daemon. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pulledFolder } from '../../../dist/src/bases/pulled/pulled.js'
import { freePort, wait } from '../lib/daemon.mjs'
import { openHttp } from '../lib/http.mjs'
import { pythonOnPeft } from '../lib/python-on-peft.mjs'
import { treeCpuMs } from './tree-cpu.mjs'

const FASTAPI = '0.165.0'
const PACKAGES = [`fastapi==${FASTAPI}`, 'uvicorn[standard]==0.54.0']
const program = fileURLToPath(new URL('freshness.py', import.meta.url))

/**
 * `kind`: head or lora. `isKept`: events and versions are on disk before they count. `isUsual`: as such a loop is mostly written, with
 * LoRA on all layers, texts embedded at each step, and `hotswap_adapter`.
 */
export async function openPeer(kind, { isKept = false, isUsual = false }) {
  const folder = isKept || isUsual ? mkdtempSync(join(tmpdir(), 'antikythera-bench-')) : undefined
  const port = await freePort()
  const python = pythonOnPeft(`fastapi-${FASTAPI}`, PACKAGES)
  const words = [program, kind, pulledFolder('minilm'), String(port), folder ?? '--']
  if (isUsual) words.push('usual')
  const child = spawn(python, words, { stdio: ['ignore', 'ignore', 'inherit'] })
  const http = openHttp(port)
  const hasEnded = ended(child)
  hasEnded.catch(() => undefined)
  const facts = await Promise.race([untilReady(http), hasEnded])
  const ask = async (text) => (await http.post('/predict', { inputs: [text] })).body
  const teach = ({ text, label }) => http.post('/feedback', { text, label })
  const reached = async (version) => {
    while ((await http.get(`/version?reached=${version}`)).body.version < version);
  }
  return {
    facts,
    ask,
    teach,
    async warm(rows) {
      for (const row of rows) await teach(row)
      await reached(rows.length)
    },
    async learn(row) {
      const { version } = (await http.get('/version')).body
      const sent = performance.now()
      await teach(row)
      const acceptMs = performance.now() - sent
      await reached(version + 1)
      return acceptMs
    },
    cpuMs: () => treeCpuMs(child.pid),
    async stop() {
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
      http.close()
      if (folder !== undefined) rmSync(folder, { recursive: true })
    },
  }
}

async function untilReady(http) {
  for (;;) {
    const response = await http.get('/facts').catch(() => undefined)
    if (response?.status === 200) return response.body
    await wait(100)
  }
}

async function ended(child) {
  const [code] = await once(child, 'exit')
  throw new Error(`the peer ended with ${code}`)
}
