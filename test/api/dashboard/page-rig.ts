/** A daemon whose model learns from made-up rows, and pages on it in a real browser. */
import { spawn } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { onTestFinished, vi } from 'vitest'
import { entryUrl } from '../../../src/platform/entry.ts'
import { openRandom } from '../../../src/platform/random.ts'
import { ended, firstLine } from '../../child.ts'
import { removed } from '../../scratch-folder.ts'

const main = fileURLToPath(entryUrl('src/cli/main.ts'))

const stranger = fileURLToPath(new URL('../../integration/stranger.mjs', import.meta.url))
const tinyDecoder = fileURLToPath(new URL('../../reference/tiny-causal/llama', import.meta.url))

const tinyBert = fileURLToPath(new URL('../../reference/tiny-bert/half', import.meta.url))

export interface Rig {
  readonly url: string
  /** Sends so many rows, with this share of wrong labels, and resolves when they are learned. Ids: row-1, row-2, … */
  teach(count: number, wrong?: number, model?: string): Promise<void>
  /** Sends events of any kind, and resolves when they are learned. */
  send(events: readonly object[], model: string): Promise<void>
  get<Answer>(path: string): Promise<Answer>
  post(path: string, body: object): Promise<Response>
  close(): Promise<void>
}

export const TOKEN = '0123456789abcdef'

export async function startRig(): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-page-'))
  const config = join(folder, 'antikythera.yaml')
  const settings = `base: { features: { size: 3 } }, labels: [no, yes], adapter: { method: head }`
  const auth = `auth: { tokens: ['${TOKEN}'] }`
  writeFileSync(
    config,
    `plugins: ['${stranger}']\nserver: { port: 0, ${auth} }\nlog: { level: warn }\nmodels:\n` +
      `  rows: { ${settings}, trigger: { policy: adwin, every: 20, on_drift: report } }\n` +
      `  many: { base: { features: { size: 3 } }, labels: { open: true }, adapter: { method: head } }\n` +
      `  own: { base: grey, task: { several: { tags: [bright, dark] } }, ` +
      `adapter: { method: lora, rank: 2, tail_layers: all } }\n` +
      `  notes: { base: { bert: ${tinyBert} }, task: spans, labels: { open: true }, ` +
      `adapter: { method: lora, rank: 2, tail_layers: 1 }, trigger: { policy: count, every: 1 } }\n` +
      `  pages: { base: { document: { of: { bert: ${tinyBert} }, pool: max } }, max_tokens: 16, ` +
      `labels: ['no', 'yes'] }\n` +
      `  guarded: { ${settings}, defence: { enabled: true, unreviewed_daily: 20 } }\n` +
      `  support: { base: { causal: ${tinyDecoder} }, task: { generation: { max_tokens: 6 } }, ` +
      `adapter: { method: lora, rank: 2, tail_layers: 1 }, trigger: { policy: count, every: 4 } }\n`,
  )
  const args = [main, 'serve', '--config', config, '--json']
  const daemon = spawn(process.execPath, args, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const { url } = JSON.parse(await firstLine(daemon)) as { url: string }
  await vi.waitUntil(async () => (await fetch(`${url}/readyz`)).ok, {
    timeout: 60_000,
    interval: 100,
  })
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  const get = async <Answer>(path: string) =>
    (await (await fetch(`${url}${path}`, { headers })).json()) as Answer
  const post = async (path: string, body: object) =>
    fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  const random = openRandom(7, 'rows')
  const send = async (events: readonly object[], model: string) => {
    const path = `/v1/models/${model}`
    const response = await post(`${path}/feedback`, { events })
    const { position } = (await response.json()) as { position: string }
    // One request waits as long as the daemon lets it; a busy machine may take several.
    const isLearned = async () =>
      (await fetch(`${url}${path}?wait_for=${position}`, { headers })).ok
    await vi.waitUntil(isLearned, { timeout: 90_000, interval: 10 })
  }
  let sent = 0
  return {
    url,
    get,
    post,
    send,
    async teach(count, wrong = 0, model = 'rows') {
      const events = Array.from({ length: count }, () => {
        const features = [1, 2, 3].map(() => random.uniform() * 2 - 1)
        const isYes = features[0]! + features[1]! > 0 !== random.uniform() < wrong
        sent += 1
        return {
          ...{ id: `row-${sent}`, source: model === 'rows' && sent % 5 === 0 ? 'desk' : 'crowd' },
          slice: features[2]! > 0.4 ? 'eu-west' : 'us-east',
          input: { features },
          label: isYes ? 'yes' : 'no',
        }
      })
      await send(events, model)
    },
    async close() {
      daemon.kill('SIGKILL')
      await ended(daemon)
      await removed(folder)
    },
  }
}

export interface View {
  readonly width?: number
  readonly colorScheme?: 'light' | 'dark'
  /** Given in the page's form, as a person would. */
  readonly token?: string
}

/** Anything that the page logs as an error, a refusal of its policy included, is in `faults`. */
export async function openView(browser: Browser, url: string, view: View = {}) {
  const { width = 1280, colorScheme = 'light', token = TOKEN } = view
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme })
  onTestFinished(() => context.close())
  const page: Page = await context.newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('console', (message) => {
    // The first request has no key yet, and its refusal is what the form is for.
    if (message.type() === 'error' && !message.text().includes('401')) faults.push(message.text())
  })
  await page.goto(url)
  if (token !== '') {
    await page.getByLabel('Key').fill(token)
    await page.getByRole('button', { name: 'Use it' }).click()
    await page.locator('#live').waitFor()
  }
  return { page, faults }
}
