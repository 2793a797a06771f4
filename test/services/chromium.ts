/**
 * A real browser for tests: the system's Chromium. Where it is not installed, tests that need it are skipped with that
 * reason.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import axe, { type AxeResults } from 'axe-core'
import { chromium, type Browser, type Page } from 'playwright-core'
import type { TestContext } from 'vitest'
import { root } from '../source-tree.ts'

const names = ['chromium', 'chromium-browser', 'google-chrome']
const installed = names.find((name) => spawnSync(name, ['--version']).status === 0)

export function needsChromium(context: TestContext): void {
  if (installed === undefined) context.skip('chromium is not installed (apt-get install chromium)')
}

/** Undefined where it is not installed. The caller closes it. */
export async function startChromium(): Promise<Browser | undefined> {
  if (installed === undefined) return undefined
  const which = spawnSync('which', [installed], { encoding: 'utf8' }).stdout.trim()
  // Tests run as root in a container, where Chromium's own sandbox cannot be set up.
  return chromium.launch({
    executablePath: which,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  })
}

/** Kept by CI, so that a person can see what the test saw. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = join(root, 'test', 'artifacts')
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}

/** What axe finds wrong, one line a place. */
export async function accessibilityFaults(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate<AxeResults>('axe.run()')
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary = '' }) => `${id}: ${html.slice(0, 120)} ${failureSummary}`),
  )
}
