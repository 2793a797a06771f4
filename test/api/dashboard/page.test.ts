/** The page as people use it, in a real browser on a real daemon: with a mouse, with the keyboard, on a phone. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  accessibilityFaults,
  needsChromium,
  screenshot,
  startChromium,
} from '../../services/chromium.ts'
import { openFakeRegistry } from '../../serving/fake-registry.ts'
import { openPage } from './open-dashboard.ts'
import { openView, startRig, TOKEN, type Rig } from './page-rig.ts'

let browser: Browser
let rig: Rig

beforeAll(async () => {
  const started = await startChromium()
  if (started === undefined) return
  browser = started
  rig = await startRig()
  await rig.teach(300)
})

afterAll(async () => {
  await (browser as Browser | undefined)?.close()
  await (rig as Rig | undefined)?.close()
})

beforeEach((context) => {
  needsChromium(context)
})

const accuracyIn = async (page: Page) =>
  parseFloat((await page.locator('#accuracy').textContent())!) / 100
const liveIn = async (page: Page) => page.locator('#live').textContent()
/** Turns the pages of the list until the version is there. */
async function rowOf(page: Page, version: string) {
  const why = page.getByRole('button', { name: `${version}: why`, exact: true })
  const row = page.locator('.versions tr', { has: why })
  const first = page.locator('.versions tbody th').first()
  while ((await row.count()) === 0) {
    const before = await first.textContent()
    await page.getByRole('button', { name: 'Older' }).click()
    await expect.poll(async () => first.textContent()).not.toBe(before)
  }
  return row
}

test('a person sees accuracy fall after a bad burst, rolls back with a reason, sees it recover, and reads why', async () => {
  const { page, faults } = await openView(browser, rig.url)
  const good = (await liveIn(page))!
  expect(await accuracyIn(page)).toBeGreaterThan(0.8)
  await screenshot(page, 'path-1-good')

  await rig.teach(200, 1)
  await expect.poll(async () => accuracyIn(page)).toBeLessThan(0.5)
  await expect.poll(async () => liveIn(page)).not.toBe(good)
  // The line shows when it was noticed, and a page opened only now what was forgotten.
  await page.locator('.alarm').first().waitFor()
  const { page: later } = await openView(browser, rig.url)
  await expect.poll(async () => later.locator('.fall').count()).toBe(2)
  expect(await later.locator('.fall').first().getAttribute('title')).toMatch(
    /^at its best it was [89]\d\.\d %/,
  )
  await screenshot(page, 'path-2-fallen')

  await (await rowOf(page, good)).getByRole('button', { name: 'Roll back' }).click()
  const dialog = page.getByRole('dialog', { name: `Roll back to ${good}` })
  await dialog.getByLabel('Reason').fill('a bad burst from the crowd')
  await screenshot(page, 'path-3-reason')
  await dialog.getByRole('button', { name: 'Roll back' }).click()
  await expect.poll(async () => liveIn(page)).toBe(good)
  expect(await page.locator('.said').textContent()).toContain(`${good} answers now`)

  await rig.teach(200)
  await expect.poll(async () => accuracyIn(page)).toBeGreaterThan(0.75)
  await screenshot(page, 'path-4-recovered')

  await (await rowOf(page, good)).getByRole('button', { name: `${good}: why` }).click()
  const why = page.getByRole('dialog', { name: `Why ${good}` })
  await expect
    .poll(async () => why.textContent())
    .toContain('by rollback (token-1): a bad burst from the crowd')
  await screenshot(page, 'path-5-why')
  const { moves } = await rig.get<{ moves: { by: string; reason: string; version: string }[] }>(
    '/v1/models/rows/history',
  )
  expect(moves.find(({ by }) => by === 'rollback')).toMatchObject({
    version: good,
    reason: 'a bad burst from the crowd',
  })
  expect(faults).toEqual([])
})

test('how good the model is stands there for recent examples, for the live version alone and since the start, beside the simplest answer', async () => {
  const { page } = await openView(browser, rig.url)
  const [model, { baselines }] = await Promise.all([
    rig.get<Described>('/v1/models/rows'),
    rig.get<{ baselines: { majority: { accuracy_recent: number } } }>('/v1/models/rows/quality'),
  ])
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  const { recent, all } = model.headline
  expect(await page.locator('#accuracy').textContent()).toBe(percent(recent))
  expect(await page.locator('#all').textContent()).toBe(percent(all))
  const since = page.getByText('since the start').locator('..')
  expect(await since.textContent()).toContain(`${model.prequential.count} judged`)
  // Of its own answers too few are judged for a percentage.
  expect(await page.locator('#now').textContent()).toBe('–')
  expect(await page.locator('#baseline').textContent()).toContain(
    `always the most frequent label: ${percent(baselines.majority.accuracy_recent)}`,
  )
  expect(await page.locator('path.baseline').count()).toBe(2)
})

test('the line goes by judged examples or by time, and a pause on it has its name', async () => {
  await rig.post('/v1/models/rows/pause', { reason: 'lunch' })
  await rig.post('/v1/models/rows/resume', { reason: 'back' })
  const { page, faults } = await openView(browser, rig.url)
  const axis = page.locator('.axis + text, .chart .time').first()
  await expect.poll(async () => axis.textContent()).toMatch(/^\d+ examples? ago$/)
  await page.getByRole('button', { name: 'by time' }).click()
  await expect.poll(async () => axis.textContent()).toMatch(/^\d\d:\d\d:\d\d$/)
  await page.locator('.mark text', { hasText: 'resumed' }).waitFor()
  await page.getByRole('slider', { name: 'Changes of the version' }).press('ArrowLeft')
  await page.locator('.scrub p', { hasText: 'by pause: lunch' }).waitFor()
  await page.locator('.mark text', { hasText: 'paused' }).waitFor()
  expect(faults).toEqual([])
})

test('while an update is made the page says which step, and a fault is said once, with what to do', async () => {
  const { page } = await openView(browser, rig.url)
  let more: object = { trainer: { state: 'running', learning: { step: 2, of: 6, seconds: 18 } } }
  await page.route('**/v1/models/rows', async (route) => {
    const answer = await route.fetch()
    await route.fulfill({ json: { ...((await answer.json()) as object), ...more } })
  })
  await rig.teach(1)
  const trainer = page.locator('#trainer')
  await expect.poll(async () => trainer.textContent()).toBe('learning, step 2 of 6, 18 s')
  const [code, message, fix] = ['CHECKPOINT_FOREIGN', 'the state is of another model', 'move it']
  more = {
    trainer: { state: 'failed', code, message },
    failed_swap: { version: 'v9', code: 'VERSION_CORRUPT', message: 'v9 is torn' },
    faults: [
      { model: 'rows', state: 'failed', code, message, fix },
      { model: 'rows', part: 'live', code: 'VERSION_CORRUPT', message: 'v9 is torn', fix: 'look' },
    ],
  }
  await expect
    .poll(async () => page.locator('.troubles li').allTextContents())
    .toEqual([`${code}: ${message}. ${fix}`, 'VERSION_CORRUPT: v9 is torn. look'])
})

test('a person tells slices and sources apart on the line, and chooses which are drawn', async () => {
  const { page, faults } = await openView(browser, rig.url)
  await page.getByRole('button', { name: 'by slice' }).click()
  const legend = page.getByRole('group', { name: 'Lines shown' })
  const us = legend.getByRole('button', { name: /^us-east \d/ })
  await us.waitFor()
  const drawn = page.locator('.chart path.part')
  expect(await drawn.count()).toBe(2)
  await us.click()
  expect(await us.getAttribute('aria-pressed')).toBe('false')
  expect(await drawn.count()).toBe(1)
  await rig.teach(20)
  // It follows the stream, and keeps the choice.
  const count = async () =>
    (await rig.get<{ sources: { count: number }[] }>('/v1/models/rows/quality')).sources.length
  await expect.poll(count).toBeGreaterThan(1)
  expect(await drawn.count()).toBe(1)
  await page.getByRole('button', { name: 'by source' }).click()
  await legend.getByRole('button', { name: /^desk \d/ }).waitFor()
  expect(await drawn.count()).toBeGreaterThan(1)
  await screenshot(page, 'lines-by-source')
  expect(await accessibilityFaults(page)).toEqual([])
  expect(faults).toEqual([])
})

test('a person looks up what became of an event, and is told why there is nothing to find', async () => {
  const { page, faults } = await openView(browser, rig.url)
  const panel = page.getByRole('region', { name: 'What became of an event' })
  await panel.getByLabel('Event id').fill('row-1')
  await panel.getByLabel('Source').fill('crowd')
  await panel.getByRole('button', { name: 'Look up' }).click()
  await expect.poll(async () => page.locator('#receipt').textContent()).toBe('learned')
  const version = panel.getByRole('button', { name: /^v\d+$/ })
  const receipt = await rig.get<{ version: string }>('/v1/models/rows/feedback/row-1?source=crowd')
  expect(await version.textContent()).toBe(receipt.version)
  await version.click()
  await page.getByRole('dialog', { name: `Why ${receipt.version}` }).waitFor()
  await page.keyboard.press('Escape')
  await panel.getByLabel('Event id').fill('never sent')
  await page.keyboard.press('Enter')
  await panel.getByText('no event never sent of the source crowd is known').waitFor()
  expect(faults.filter((fault) => !fault.includes('404'))).toEqual([])
})

test('a person evaluates a file of rows on the live version and another one, and sees what the route says', async () => {
  const { page, faults } = await openView(browser, rig.url)
  const panel = page.getByRole('region', { name: 'Evaluate a file' })
  await page.getByRole('heading', { name: 'Evaluate a file' }).click()
  const file = panel.getByLabel('CSV or JSONL')
  const rows = Array.from({ length: 60 }, (_row, at) => {
    const features = [Math.sin(at), Math.cos(3 * at), 0.1]
    return { input: { features }, label: features[0]! + features[1]! > 0 ? 'yes' : 'no' }
  })
  const lines = [...rows, { input: { features: [1] }, label: 'no' }].map((row) =>
    JSON.stringify(row),
  )
  const jsonl = { name: 'rows.jsonl', mimeType: '', buffer: Buffer.from(lines.join('\n')) }
  await file.setInputFiles(jsonl)
  await panel.getByLabel('Against').fill('v0')
  await panel.getByRole('button', { name: 'Evaluate' }).click()
  await panel.getByText('1 row left out').waitFor()
  expect(await panel.locator('li').textContent()).toMatch(/^line 61: /)
  const response = await rig.post('/v1/models/rows/evaluate', { rows, against: 'v0' })
  const { report } = (await response.json()) as Evaluated
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  const scores = panel.getByRole('table').first().locator('tbody tr')
  const expected = [report.version, report.against].map(({ version, mean, low, high }) =>
    [version, percent(mean), `${percent(low)} to ${percent(high)}`, '60'].join(''),
  )
  await expect.poll(async () => scores.allTextContents()).toEqual(expected)
  expect(await panel.textContent()).toContain(
    `95 % interval +${(100 * report.difference.low).toFixed(1)} to +${(100 * report.difference.high).toFixed(1)}; better on`,
  )
  const right = await panel.locator('.confusion .hit1, .hit2, .hit3, .hit4').allTextContents()
  expect(right.reduce((sum, each) => sum + Number(each), 0)).toBe(60 * report.version.mean)
  expect(await accessibilityFaults(page)).toEqual([])
  await screenshot(page, 'evaluate')

  const csv = { name: 'rows.csv', mimeType: '', buffer: Buffer.from('a,class\n1,yes\n') }
  await file.setInputFiles(csv)
  await panel.getByRole('button', { name: 'Evaluate' }).click()
  await panel.getByText('the file has no column “label”; it has a, class').waitFor()
  await file.setInputFiles({ ...csv, buffer: Buffer.from('label\n') })
  await panel.getByRole('button', { name: 'Evaluate' }).click()
  await panel.getByText('the file has no row to evaluate').waitFor()
  await file.setInputFiles(jsonl)
  await panel.getByLabel('Version').fill('v99999')
  await panel.getByRole('button', { name: 'Evaluate' }).click()
  await panel.getByText('v99999').waitFor()
  expect(faults.filter((each) => !each.includes('404'))).toEqual([])
})

test('the audit log says who did what and why, newest first, when a person opens it', async () => {
  const reason = 'to see it in the log'
  await rig.post('/v1/models/rows/pause', { reason })
  await rig.post('/v1/models/rows/resume', { reason: 'seen' })
  const { page } = await openView(browser, rig.url)
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  const panel = page.getByRole('region', { name: 'Audit log' })
  await page.getByRole('heading', { name: 'Audit log' }).click()
  const rows = panel.locator('li')
  await expect.poll(async () => rows.nth(1).textContent()).toContain(`“${reason}”`)
  expect(await rows.nth(0).textContent()).toMatch(/token-1 POST \/v1\/models\/rows\/resume/)
  expect(asked.filter((url) => url.includes('/v1/audit'))).toHaveLength(1)
  expect(await accessibilityFaults(page)).toEqual([])
})

test('the keyboard alone is enough: roll back, change of mind, and the focus comes back', async () => {
  const { page } = await openView(browser, rig.url)
  const taught = await liveIn(page)
  await rig.teach(20)
  await expect.poll(async () => liveIn(page)).not.toBe(taught)
  const before = await liveIn(page)
  const opener = page.getByRole('button', { name: 'Roll back…' })
  const focused = async () => (await opener.and(page.locator(':focus')).count()) === 1
  for (let tabs = 0; tabs < 20 && !(await focused()); tabs += 1) await page.keyboard.press('Tab')
  expect(await focused()).toBe(true)
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await expect.poll(focused).toBe(true)
  expect(await liveIn(page)).toBe(before)

  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  await page.keyboard.type('by hand')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await expect.poll(async () => liveIn(page)).not.toBe(before)

  // The marks of the line are walked through with a slider. The page asks for them once it knows that the version has changed.
  const slider = page.getByRole('slider', { name: 'Changes of the version' })
  const mark = async () => slider.getAttribute('aria-valuetext')
  await expect.poll(mark).toContain('rollback')
  await slider.focus()
  await page.keyboard.press('ArrowLeft')
  await expect.poll(mark).toContain('trainer')
  await page.keyboard.press('End')
  await expect.poll(mark).toContain('rollback')
})

test('a rollback takes back the version that the person saw, whatever is published meanwhile', async () => {
  const { page } = await openView(browser, rig.url)
  const good = (await liveIn(page))!
  await rig.teach(20)
  await expect.poll(async () => liveIn(page)).not.toBe(good)
  const seen = (await liveIn(page))!
  await page.getByRole('button', { name: 'Roll back…' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Reason').fill('it was worse')
  await rig.teach(20)
  await expect.poll(async () => liveIn(page)).not.toBe(seen)
  expect(await dialog.getByRole('heading').textContent()).toBe(`Roll back ${seen}`)
  await dialog.getByRole('button', { name: 'Roll back' }).click()
  await expect.poll(async () => liveIn(page)).toBe(good)
  // To go forward to what was taken back asks twice.
  const undone = page.locator('.versions tbody tr:has(.undone)').first()
  await undone.getByRole('button', { name: /^Promote v/ }).click()
  const again = page.getByRole('dialog', { name: /^Make v\d+ live$/ })
  await again.getByLabel('Reason').fill('one click')
  await again.getByRole('button', { name: 'Make it live' }).click()
  await again.getByRole('button', { name: 'Make it live all the same' }).waitFor()
  expect(await liveIn(page)).toBe(good)
  await again.getByRole('button', { name: 'Cancel' }).click()
})

test('a person tries an older version as a canary and ends the trial, each with a reason', async () => {
  const { page, faults } = await openView(browser, rig.url)
  const live = await liveIn(page)
  // One that no rollback of the tests before has taken back, which would ask twice.
  const rows = page.locator('.versions tbody tr:not(.live):not(:has(.undone))')
  const tried = rows.locator('button.link').first()
  const version = (await tried.textContent())!
  await tried.click()
  await page.getByRole('button', { name: 'Canary…' }).click()
  const start = page.getByRole('dialog', { name: `Try ${version} as a canary` })
  await start.getByLabel('Reason').fill('is it better?')
  await start.getByLabel('Percent').fill('25')
  await start.getByRole('button', { name: 'Start' }).click()
  const panel = page.getByRole('region', { name: `On trial: ${version}` })
  await panel.getByText('it answers 25 % of the requests').waitFor()
  expect(await liveIn(page)).toBe(live)
  await screenshot(page, 'canary')
  expect(await accessibilityFaults(page)).toEqual([])
  await panel.getByRole('button', { name: 'End the trial' }).click()
  const end = page.getByRole('dialog', { name: `End the trial of ${version}` })
  await end.getByLabel('Reason').fill('it is not')
  await end.getByRole('button', { name: 'End it' }).click()
  await panel.waitFor({ state: 'detached' })
  expect(faults).toEqual([])
})

test('learning is paused and goes on, and the page says which it is', async () => {
  const { page } = await openView(browser, rig.url)
  await page.getByRole('button', { name: 'Pause learning' }).click()
  const resume = page.getByRole('button', { name: 'Resume learning' })
  await resume.waitFor()
  const state = async () =>
    (await rig.get<{ trainer: { state: string } }>('/v1/models/rows')).trainer
  expect(await state()).toMatchObject({ state: 'paused' })
  await resume.click()
  await page.getByRole('button', { name: 'Pause learning' }).waitFor()
  expect(await state()).not.toMatchObject({ state: 'paused' })
})

test('the first scores are in the chart; what the defence keeps back is listed with its reason, and a person releases it', async () => {
  await rig.teach(30, 0, 'guarded')
  const { page } = await openView(browser, `${rig.url}/#guarded`)
  // One sample, at the end of an axis that begins before it.
  const axis = page.locator('.chart .time').first()
  await expect.poll(async () => axis.textContent()).toMatch(/^[1-9]\d* examples? ago$/)
  const line = (await page.locator('path.line').getAttribute('d')) ?? ''
  const [from, to] = [/^M([\d.]+)/, /H([\d.]+)$/].map((end) => Number(end.exec(line)?.[1]))
  expect(to! - from!).toBeGreaterThan(1)
  const panel = page.getByRole('region', { name: 'Quarantine' })
  await panel.getByText('10 events kept back').waitFor()
  await panel.getByText('from crowd: over-daily').first().waitFor()
  expect(await accessibilityFaults(page)).toEqual([])
  await panel.getByRole('button', { name: 'Release all' }).click()
  await panel.getByRole('button', { name: 'Release all: sure?' }).click()
  await page.getByText('10 events will be learned').waitFor()
  const counts = async () =>
    (await rig.get<{ counts: { learned: number } }>('/v1/models/guarded')).counts.learned
  await expect.poll(counts).toBe(30)
  await panel.waitFor({ state: 'detached' })
})

test('a request to forget is followed until its certificate says what went', async () => {
  const { page } = await openView(browser, `${rig.url}/#guarded`)
  const asked = await rig.post('/v1/models/guarded/forget', { source: 'crowd', reason: 'it asked' })
  const { request } = (await asked.json()) as { request: string }
  const panel = page.getByRole('region', { name: 'Forgotten for good' })
  const row = panel.locator('li', { hasText: request })
  await row.getByText('done').waitFor()
  expect(await row.textContent()).toMatch(/source crowd \(it asked, token-1\): 30 events erased/)
  expect(await accessibilityFaults(page)).toEqual([])
})

test('the box answers, takes the right answer, and says which version has learned it', async () => {
  const { page, faults } = await openView(browser, rig.url)
  const example = await page.getByLabel('Input').getAttribute('placeholder')
  expect(example).toBe('{"features":[0.5,0.5,0.5]}')
  await page.getByLabel('Input').fill(example!)
  await page.getByRole('button', { name: 'Predict' }).click()
  await page.locator('#answer').waitFor()
  await page.getByLabel('Input').fill('[0.9, 0.9, 0]')
  await page.getByRole('button', { name: 'Predict' }).click()
  await page.locator('#answer').waitFor()
  await page.getByLabel('Right answer').fill('yes')
  await page.getByRole('button', { name: 'Teach' }).click()
  await page.getByText(/Learned: v\d+ answers now/).waitFor()
  const learned = async () =>
    (await rig.get<{ sources: { source: string }[] }>('/v1/models/rows/quality')).sources
  await expect.poll(learned).toContainEqual(expect.objectContaining({ source: 'page' }))
  await page.getByRole('button', { name: 'What this rests on' }).click()
  const nearest = page.locator('#because li').first()
  expect(await nearest.textContent()).toMatch(/^1\.00 yes page /)
  await page.getByLabel('Input').fill('{"features": [1]}')
  await page.getByRole('button', { name: 'Predict' }).click()
  expect(await page.locator('.bad').first().textContent()).toContain('features')
  expect(faults.filter((fault) => !fault.includes('400'))).toEqual([])
})

test('the box asks for an input of a base of one’s own by its example, and for the right answer in its words', async () => {
  const { page, faults } = await openView(browser, `${rig.url}/#own`)
  const input = page.getByLabel('Input')
  const example = await input.getAttribute('placeholder')
  expect(JSON.parse(example!)).toHaveProperty('picture')
  await input.fill(example!)
  await page.getByRole('button', { name: 'Predict' }).click()
  const right = page.getByLabel('Right answer')
  expect(await right.inputValue()).toBe('[]')
  await right.fill('["bright"]')
  await page.getByRole('button', { name: 'Teach' }).click()
  await page.getByText(/^Accepted|^Learned/).waitFor()
  expect(faults).toEqual([])
})

test('a document is written or opened as a file, and the part that decided is shown', async () => {
  const { page, faults } = await openView(browser, `${rig.url}/#pages`)
  const text = `${'the price of the term. '.repeat(9)}The court decides.`
  const file = { name: 'contract.txt', mimeType: 'text/plain', buffer: Buffer.from(text) }
  await page.getByLabel('or a text file').setInputFiles(file)
  await expect.poll(async () => page.getByLabel('Document').inputValue()).toBe(text)
  await page.getByRole('button', { name: 'Predict' }).click()
  const part = await page.locator('#parts blockquote').textContent()
  expect(text).toContain(part)
  expect(part!.length).toBeLessThan(text.length / 2)
  await page.getByLabel('Right answer').fill('yes')
  await page.getByRole('button', { name: 'Teach' }).click()
  await page.getByText(/^Accepted|^Learned/).waitFor()
  expect(faults).toEqual([])
})

test('the box says that the daemon does not answer only until the connection is back', async () => {
  const { page } = await openView(browser, rig.url)
  const gone = /\/(predict|events\?.*)$/
  await page.route(gone, (route) => route.abort())
  await page.reload()
  await page.getByLabel('Input').fill('[0.9, 0.9, 0]')
  await page.getByRole('button', { name: 'Predict' }).click()
  const fault = page.getByText('the daemon does not answer', { exact: true })
  await fault.waitFor()
  await page.unroute(gone)
  await fault.waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Predict' }).click()
  await page.locator('#answer').waitFor()
})

test('a wrong key is refused in words, and a right one is kept for this tab alone', async () => {
  const { page } = await openView(browser, rig.url, { token: '' })
  await page.getByLabel('Key').fill('wrong')
  await page.keyboard.press('Enter')
  await page.getByText('The daemon does not know this key.').waitFor()
  await page.getByLabel('Key').fill(TOKEN)
  await page.keyboard.press('Enter')
  await page.locator('#live').waitFor()
  await page.reload()
  await page.locator('#live').waitFor()
  const other = await page.context().newPage()
  await other.goto(rig.url)
  await other.getByLabel('Key').waitFor()
})

const views = [360, 1280].flatMap((width) =>
  (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })),
)

test.each(views)('nothing is wrong for axe at $width px in $colorScheme', async (view) => {
  const { page, faults } = await openView(browser, rig.url, view)
  await page.getByRole('heading', { name: 'Versions' }).waitFor()
  await page.locator('.confusion').waitFor()
  await page.getByRole('rowheader', { name: 'eu-west' }).waitFor()
  await page.locator('path.line').waitFor()
  const name = `${view.width}-${view.colorScheme}`
  await screenshot(page, `page-${name}`)
  expect(await accessibilityFaults(page)).toEqual([])
  // No sideways scrolling on a phone.
  expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0)
  // Nothing sticks out of its card either, but for the table that scrolls.
  const out = `[...document.querySelectorAll('section table')].filter((table) => {
    const card = table.closest('section')
    return table.closest('.scroll') === null && table.getBoundingClientRect().right > card.getBoundingClientRect().right
  }).length`
  expect(await page.evaluate(out)).toBe(0)
  await page.getByRole('button', { name: 'Roll back…' }).click()
  await page.getByRole('dialog').waitFor()
  expect(await accessibilityFaults(page)).toEqual([])
  expect(faults).toEqual([])
})

test('numbers stay whole beside labels of any length and script, and labels that are not listed are counted', async () => {
  const names = [
    '<b>bold</b>',
    'دفع',
    'x'.repeat(120),
    ...Array.from({ length: 37 }, (_, at) => `label ${at}`),
  ]
  const events = names.flatMap((label, at) =>
    ['one', 'two'].map((id) => ({
      ...{ id: `${id}-${at}`, source: at % 2 ? 'desk' : 'y'.repeat(100) },
      ...{ input: { features: [at, 1, 0] }, label },
    })),
  )
  // What comes before the first label is in no score.
  await rig.send(events.slice(0, 1), 'many')
  await rig.send(events.slice(1), 'many')
  for (const width of [320, 1280]) {
    const { page, faults } = await openView(browser, `${rig.url}/#many`, { width })
    await page.getByText('8 more labels, with fewer examples.').waitFor()
    await page.getByRole('rowheader', { name: 'y'.repeat(100) }).waitFor()
    // The whole matrix, in a frame of its own: 32 labels by name, and what they do not cover.
    expect(await page.locator('.confusion tbody tr').count()).toBe(33)
    const cells = await page.locator('.confusion td:not(:empty)').allTextContents()
    const { window_events } = await rig.get<{ window_events: number }>('/v1/models/many/quality')
    expect(cells.reduce((sum, cell) => sum + Number(cell), 0)).toBe(window_events)
    await page.locator('.confusion caption', { hasText: 'no answer yet' }).waitFor()
    await screenshot(page, `labels-${width}`)
    // A cell of numbers has one line: its bar, and text beside it.
    const broken = `[...document.querySelectorAll('td.right, td:has(.bar)')].filter((cell) => {
      const range = document.createRange()
      range.selectNodeContents(cell)
      const middles = [...range.getClientRects()].filter(({ width }) => width > 0)
        .map(({ top, bottom }) => (top + bottom) / 2)
      return Math.max(...middles) - Math.min(...middles) > 8
    }).length`
    expect(await page.evaluate(broken)).toBe(0)
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0)
    expect(await accessibilityFaults(page)).toEqual([])
    expect(faults).toEqual([])
  }
})

test('with 10,000 versions a page shows ten, turns to the next ten, and has fetched little', async () => {
  const { server, series } = await openPage({ live: { registry: openFakeRegistry('m', 10_000) } })
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 })
  series.sample()
  const { page, faults } = await openView(browser, url, { token: '' })
  const names = page.locator('.versions tbody th')
  await expect.poll(async () => names.count()).toBe(10)
  expect(await names.first().textContent()).toBe('v9999')
  await page.getByRole('button', { name: 'Older' }).click()
  await expect.poll(async () => names.first().textContent()).toBe('v9989')
  expect(await names.count()).toBe(10)
  const sizes = await page.evaluate<number[]>(
    "performance.getEntriesByType('resource').map((entry) => entry.transferSize)",
  )
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(60_000)
  // A trainer that is not there has no quality to report, and no requests to forget.
  expect(faults.filter((fault) => !/503|409/.test(fault))).toEqual([])
})

test('the form for a key is clean too', async () => {
  const { page } = await openView(browser, rig.url, { token: '' })
  await page.getByLabel('Key').waitFor()
  expect(await accessibilityFaults(page)).toEqual([])
})

/** Random weights write nothing now and then, and nothing cannot be rated. */
async function answersTo(inputs: readonly object[]) {
  for (let tries = 0; tries < 20; tries += 1) {
    const asked = await rig.post('/v1/models/support/predict', { inputs })
    const answer = (await asked.json()) as Answered
    if (answer.predictions.every(({ text }) => text.trim() !== '')) return answer
  }
  throw new Error('no text that can be seen')
}

interface Answered {
  readonly version: string
  readonly predictions: readonly { readonly id: string; readonly text: string }[]
}

test('a person sees how good the texts are, and which version got thumbs up', async () => {
  const inputs = Array.from({ length: 4 }, (_, at) => ({
    messages: [{ role: 'user', content: `question ${at}` }],
  }))
  const { version, predictions } = await answersTo(inputs)
  const thumbs = predictions.map(({ id }, at) => ({
    ...{ id: `t-${at}`, prediction_id: id, rating: at === 0 ? -1 : 1 },
  }))
  const said = inputs.map((input, at) => ({ id: `c-${at}`, input, completion: 'Sure!' }))
  const pair = { id: 'p', input: inputs[0], chosen: 'Sure!', rejected: 'No.' }
  await rig.send([...thumbs, ...said, pair], 'support')
  const { page, faults } = await openView(browser, `${rig.url}/#support`)
  const cells = async (name: string) => {
    const row = page.locator('#texts tr', { has: page.getByRole('rowheader', { name }) })
    return row.locator('td').allTextContents()
  }
  await page.locator('#texts').waitFor()
  // The page asks again while the trainer goes on.
  await expect.poll(async () => (await cells('rated up')).slice(1)).toEqual(['75.0 %', '4'])
  expect(Number((await cells('loss of a token'))[0])).toBeGreaterThan(1)
  const last = async (name: string) => (await cells(name)).at(-1)
  await expect.poll(() => last('pairs in the right order')).toBe('1')
  await expect.poll(() => last('repeated in an answer')).toBe('4')
  await expect
    .poll(async () => (await rowOf(page, version)).locator('.up').textContent())
    .toBe('75.0 %')
  expect(await page.locator('.versions thead').textContent()).toContain('loss')
  // The scale is that of a loss, and words say what it means.
  const loss = Number(await page.locator('#accuracy').textContent())
  expect(loss).toBeGreaterThan(1)
  // Four thumbs make no percentage.
  expect(await page.getByText('of 4 thumbs').locator('..').textContent()).toBe('3of 4 thumbs')
  const scale = (await page.locator('.axis text').allTextContents()).map(Number)
  expect([Math.min(...scale) < loss, Math.max(...scale) > loss, ...scale]).not.toContain(false)
  expect(scale).not.toContain(1)
  await page
    .getByText(/Lower is better: .* At [\d.]+ it is as unsure as between .* tokens/)
    .waitFor()
  await screenshot(page, 'texts')
  expect(await accessibilityFaults(page)).toEqual([])
  expect(faults).toEqual([])
})

test('a person sees the pieces of a text in colour, and corrects them by keys and by mouse', async () => {
  const { page, faults } = await openView(browser, `${rig.url}/#notes`)
  const text = '😀 took aspirin against fever'
  const input = page.getByLabel('Input')
  await input.fill(text)
  await page.getByRole('button', { name: 'Predict' }).click()
  await page.locator('#answer').waitFor()
  expect(await page.locator('#answer').textContent()).toBe(text)
  const label = page.getByLabel('Label')
  const mark = page.getByRole('button', { name: /^Mark/ })
  // The first piece by keys alone: behind the picture and `took`.
  await input.focus()
  await page.keyboard.press('Control+Home')
  for (let at = 0; at < 7; at += 1) await page.keyboard.press('ArrowRight')
  for (let at = 0; at < 7; at += 1) await page.keyboard.press('Shift+ArrowRight')
  await expect.poll(async () => mark.textContent()).toBe('Mark “aspirin”')
  await label.fill('drug')
  await page.keyboard.press('Enter')
  await page.locator('mark[data-name=drug]').waitFor()
  // The second one with the mouse, in the coloured text.
  const box = (await page.locator('#answer').boundingBox())!
  await page.evaluate(`(() => {
    const last = document.querySelector('#answer').lastChild
    const range = document.createRange()
    range.setStart(last, last.textContent.indexOf('fever'))
    range.setEnd(last, last.textContent.length)
    getSelection().removeAllRanges()
    getSelection().addRange(range)
  })()`)
  await page.locator('#answer').dispatchEvent('pointerup', { clientX: box.x })
  await expect.poll(async () => mark.textContent()).toBe('Mark “fever”')
  await label.fill('sign')
  await mark.click()
  expect(await page.locator('mark').allTextContents()).toEqual(['aspirin', 'fever'])
  await screenshot(page, 'pieces')
  expect(await accessibilityFaults(page)).toEqual([])
  await page.getByRole('button', { name: 'Teach' }).click()
  const labels = async () => (await rig.get<{ labels: string[] }>('/v1/models/notes')).labels
  await expect.poll(labels, { timeout: 30_000 }).toEqual(['drug', 'sign'])
  expect(faults).toEqual([])
})

test('a person talks to a language model, rates and rewrites an answer, and picks one of two', async () => {
  const { page, faults } = await openView(browser, `${rig.url}/#support`)
  const button = (name: string) => page.getByRole('button', { name, exact: true })
  /** Random weights write nothing now and then, or the same twice. */
  const written = async (name: string, count: number) => {
    for (let tries = 0; tries < 20; tries += 1) {
      await button(name).click()
      await expect.poll(async () => button(name).isEnabled()).toBe(true)
      const texts = await page.locator('.written').allTextContents()
      const visible = texts.map((text) => text.replace(/by v\d+$/, '').trim()).filter(Boolean)
      if (new Set(visible).size === count) return
    }
    throw new Error(`no ${count} texts`)
  }
  const said = async (name: string) => {
    const before = await page.getByRole('status').allTextContents()
    await button(name).click()
    await expect.poll(() => page.getByRole('status').allTextContents()).not.toEqual(before)
  }
  const counts = async () => rig.get<Told>('/v1/models/support/quality')
  const { ratings, pairs } = await counts()
  await page.getByLabel('Message').fill('Where is my parcel?')
  await written('Answer', 1)
  await said('Good')
  // Of what is said of one answer, the last counts.
  await written('Answer', 1)
  await page.getByLabel('Better answer').fill('On its way.')
  await button('Teach').click()
  await written('Two answers', 2)
  await said('The second is better')
  expect(await accessibilityFaults(page)).toEqual([])
  const more = [1, 2, 3, 4].map((at) => ({ id: `more-${at}`, input: 'Hello', completion: 'Hi.' }))
  await rig.send(more, 'support')
  await expect.poll(counts).toMatchObject({
    ratings: { events: ratings.events + 1 },
    pairs: { events: pairs.events + 2 },
  })
  expect(faults).toEqual([])
})

test('after a rollback to a version that nothing has judged there is no score, and the line has ended', async () => {
  const { page, faults } = await openView(browser, rig.url)
  await rig.post('/v1/models/rows/rollback', { to: 'v0', reason: 'begin again' })
  await expect.poll(async () => page.locator('#accuracy').textContent()).toBe('–')
  expect(await (await rowOf(page, 'v0')).locator('td').nth(1).textContent()).toBe('–')
  await page.getByRole('button', { name: 'by time' }).click()
  await page.getByRole('button', { name: 'all', exact: true }).click()
  const end = async () =>
    Number(/H([\d.]+)$/.exec((await page.locator('.line').getAttribute('d')) ?? '')?.[1])
  const now = Number(await page.locator('.axis line').first().getAttribute('x2'))
  await expect.poll(end).toBeLessThan(now - 1)
  // The trainer reports its quality after its scores, and the page asks for it every ten seconds.
  await expect.poll(async () => page.getByText('The scores of answers').count()).toBe(0)
  expect(faults).toEqual([])
})

interface Described {
  readonly headline: { readonly recent: number; readonly all: number }
  readonly prequential: { readonly count: number }
}

interface Score {
  readonly version: string
  readonly mean: number
  readonly low: number
  readonly high: number
}

interface Evaluated {
  readonly report: {
    readonly version: Score
    readonly against: Score
    readonly difference: Score
  }
}

interface Told {
  readonly ratings: { readonly events: number }
  readonly pairs: { readonly events: number }
}
