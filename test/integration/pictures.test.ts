/** Pictures through the whole daemon: taught over HTTP, answered, refused where they are bad, and known after a crash. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { picture, slope } from '../bases/pictures.ts'
import { pulledBase } from '../bases/pull-for-tests.ts'
import { runCli } from '../cli/run-cli.ts'
import { removed } from '../scratch-folder.ts'
import { daemonIn } from './one-daemon.ts'

const folder = mkdtempSync(join(tmpdir(), 'antikythera-pictures-'))
const daemon = daemonIn(folder)
const pulled = pulledBase('efficientnet-lite0')

beforeAll(async () => {
  if ((await pulled.pull()) === undefined) return
  writeFileSync(
    daemon.config,
    `server: { port: 0 }
log: { level: warn }
models:
  m: { base: efficientnet-lite0, labels: [stripes, checks] }
  deep:
    base: efficientnet-lite0
    labels: [stripes, checks]
    adapter: { method: lora, rank: 2, tail_layers: all }
    trigger: { policy: count, every: 8 }
  claim:
    labels: [stripes, checks]
    base: { fields: { schema: { amount: number }, bases: { note: use-lite, photo: efficientnet-lite0 }, required: [amount] } }
`,
  )
  await daemon.start()
}, 240_000)

afterAll(async () => {
  await daemon.kill()
  await removed(folder)
})

/** Stripes, or the squares of a board, of a width and two greys by `turn`. */
async function made(label: string, turn: number): Promise<string> {
  const [width, dark, light] = [6 + (turn % 5), 20 + 7 * (turn % 9), 150 + 11 * (turn % 8)]
  const isDark = (x: number, y: number) =>
    (Math.floor(x / width) + (label === 'checks' ? Math.floor(y / width) : 0)) % 2 === 0
  const file = await picture(64, 48, (x, y) => (isDark(x, y) ? dark : light))
    .png()
    .toBuffer()
  return file.toString('base64')
}

async function lessons(from: number, count: number) {
  return Promise.all(
    Array.from({ length: count }, async (_, at) => {
      const label = at % 2 === 0 ? 'stripes' : 'checks'
      return { id: `e-${from + at}`, input: { image: await made(label, from + at) }, label }
    }),
  )
}

interface Answers {
  readonly predictions: readonly { readonly label: string }[]
}

const inputs = async () =>
  Promise.all([
    made('stripes', 31).then((image) => ({ image })),
    made('checks', 33).then((image) => ({ image })),
  ])

const labels = ({ predictions }: Answers) => predictions.map(({ label }) => label)

/** The header is whole, and what follows it is not. */
async function torn(): Promise<string> {
  const file = await slope(64, 64).png().toBuffer()
  return file.fill(0, 50, file.length - 20).toString('base64')
}

test.each(['m', 'deep'])(
  '%s learns from pictures over HTTP and tells new ones apart',
  async (model) => {
    const events = await lessons(0, 16)
    const { position } = await daemon.post<{ position: string }>(`${model}/feedback`, { events })
    const answers = await daemon.post<Answers>(`${model}/predict?wait_for=${position}`, {
      inputs: await inputs(),
    })
    expect(labels(answers)).toEqual(['stripes', 'checks'])
  },
)

test('a bad picture is refused with its code, at once or as a dead letter, and the others are learned', async () => {
  const image = await torn()
  const refused = async (input: object) =>
    (await daemon.post<{ code: string }>('m/predict', { inputs: [input] })).code
  expect(await refused({ image })).toBe('IMAGE_INVALID')
  expect(await refused({ image: 'https://example.com/cat.png' })).toBe('IMAGE_INVALID')
  expect(await refused({ text: 'a cat' })).toBe('INPUT_WRONG_KIND')
  const [good] = await lessons(100, 1)
  const events = [{ id: 'torn', input: { image }, label: 'checks' }, good!]
  const { position } = await daemon.post<{ position: string }>('m/feedback', { events })
  await daemon.post<Answers>(`m/predict?wait_for=${position}`, { inputs: await inputs() })
  const { dead_letters: letters } = await daemon.get<{
    dead_letters: readonly { code: string; id?: string }[]
  }>('m/dead-letters')
  expect(letters.map(({ code }) => code)).toEqual(['IMAGE_INVALID'])
  const model = await daemon.get<{ counts: { accepted: number } }>('m')
  expect(model.counts.accepted).toBe(17)
})

/** As `curl -F` sends it: files under the names of fields, and texts. */
async function sendForm(
  path: string,
  fields: Readonly<Record<string, string | readonly string[]>>,
  origin?: string,
) {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields))
    if (typeof value === 'string') form.append(name, value)
    else
      for (const file of value)
        form.append(name, new Blob([Buffer.from(file, 'base64')]), 'picture.png')
  const answer = await fetch(`${daemon.url}/v1/models/${path}`, {
    ...{ method: 'POST', body: form, ...(origin && { headers: { origin } }) },
  })
  return (await answer.json()) as Answers & { code?: string; accepted?: number }
}

test('a form with one file is a prediction or feedback, and any other is refused', async () => {
  const image = await made('checks', 36)
  expect(labels(await sendForm('m/predict', { image: [image] }))).toEqual(['checks'])
  const said = { id: 'of a form', label: 'checks', weight: '0.5' }
  expect((await sendForm('m/feedback', { image: [image], ...said })).accepted).toBe(1)
  const codeOf = async (...asked: Parameters<typeof sendForm>) => (await sendForm(...asked)).code
  expect(await codeOf('m/predict', { image: [image, image] })).toBe('REQUEST_INVALID')
  expect(await codeOf('m/predict', { image })).toBe('REQUEST_INVALID')
  expect(await codeOf('m/predict', { photo: [image] })).toBe('INPUT_WRONG_KIND')
  expect(await codeOf('m/predict', { image: [btoa('GIF89a, and more of it')] })).toBe(
    'IMAGE_INVALID',
  )
  // A page of a stranger sends a form without asking, and would teach the model.
  const stranger = 'https://evil.example'
  expect(await codeOf('m/feedback', { image: [image], label: 'stripes' }, stranger)).toBe(
    'BODY_TYPE_UNSUPPORTED',
  )
  const sent = async (body: string) => {
    const headers = { 'content-type': 'multipart/form-data; boundary=x' }
    const answer = await fetch(`${daemon.url}/v1/models/m/predict`, {
      method: 'POST',
      headers,
      body,
    })
    return ((await answer.json()) as { code: string }).code
  }
  const head = '--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n'
  for (const body of [
    ...['no form', '--y\r\n', '--x', '--x\r\n', head, `${head}\r\nabc`, `${head}--x--`],
    ...[`${head}\r\nabc\r\n--x`, '--x\r\na: b\r\n\r\nabc\r\n--x--', `--x${'\r\n'.repeat(9)}--x--`],
    `${'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'.repeat(101)}--x--`,
  ])
    expect(await sent(body)).toBe('BODY_MALFORMED')
  expect(await sent('--x--')).toBe('REQUEST_INVALID')
})

test('a client of the OpenAI API asks about a picture as a part of a message', async () => {
  const ask = async (content: unknown) => {
    const messages = [{ role: 'user', content }]
    const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body: JSON.stringify({ model: 'm', messages }),
    })
    return (await answer.json()) as {
      readonly choices: readonly { readonly message: { readonly content: string } }[]
      readonly error?: { readonly code: string; readonly param: string }
    }
  }
  const part = (url: string, more: object = {}) => ({
    type: 'image_url',
    image_url: { url, ...more },
  })
  const dataUrl = `data:image/png;base64,${await made('checks', 36)}`
  const { choices } = await ask([part(dataUrl, { detail: 'auto' })])
  expect(choices[0]?.message.content).toBe('checks')
  // Longer than a body for texts may be.
  const noise = (x: number, y: number, c: number) => (x * x * 7919 + y * y * 104729 + c * 31) % 251
  const large = await picture(400, 400, noise).png().toBuffer()
  expect(large.length).toBeGreaterThan(262_144)
  const seen = await ask([part(`data:image/png;base64,${large.toString('base64')}`)])
  expect(['stripes', 'checks']).toContain(seen.choices[0]?.message.content)

  const refused = async (...content: object[]) => {
    const { error } = await ask(content)
    return `${error?.code} ${error?.param}`
  }
  const at = 'messages.0.content'
  expect(await refused(part('https://example.com/cat.png'))).toContain('IMAGE_INVALID')
  expect(await refused(part(dataUrl, { detail: 'high' }))).toBe(
    `unsupported_parameter ${at}.0.image_url.detail`,
  )
  expect(await refused(part(dataUrl), part(dataUrl))).toBe(`REQUEST_INVALID ${at}.1`)
  expect(await refused({ type: 'text', text: 'what is it?' }, part(dataUrl))).toContain(
    `REQUEST_INVALID ${at}.1`,
  )
})

test('the command line sends the file of a picture', async () => {
  const path = join(folder, 'board.png')
  writeFileSync(path, Buffer.from(await made('checks', 35), 'base64'))
  const { code, json } = await runCli(
    'predict',
    '-m',
    'm',
    '--image',
    path,
    '--url',
    daemon.url,
    '--json',
  )
  expect(code).toBe(0)
  expect(labels(json() as Answers)).toEqual(['checks'])
  writeFileSync(join(folder, 'new.csv'), `image,label\n${path},checks\n`)
  const { stdout } = await runCli('predict', '-m', 'm', '--image', path, '--url', daemon.url)
  expect(stdout.trim().endsWith(`  ${path}`)).toBe(true)
  const sent = await runCli(
    'feedback',
    '-m',
    'm',
    '--file',
    join(folder, 'new.csv'),
    '--url',
    daemon.url,
  )
  expect(sent.code).toBe(0)
  const missing = await runCli(
    'predict',
    '-m',
    'm',
    '--image',
    join(folder, 'none.png'),
    '--url',
    daemon.url,
  )
  expect([missing.code, missing.stderr]).toEqual([66, expect.stringContaining('none.png')])
})

test('a table with a note and a photo is taught by JSON and by a form, and answered without a photo', async () => {
  const taught = await lessons(0, 16)
  const events = taught.map(({ id, input: photo, label }, at) => ({
    ...{ id, label },
    input: {
      fields: {
        ...{ amount: label === 'checks' ? 900 + at : 20 + at, note: `it is all ${label}` },
        ...(at % 4 > 0 && { photo }),
      },
    },
  }))
  await daemon.post('claim/feedback', { events })
  const image = await made('checks', 40)
  const fields = JSON.stringify({ amount: 905, note: 'it is all checks' })
  const sent = await sendForm('claim/feedback', { photo: [image], fields, label: 'checks' })
  const { position } = sent as { readonly position?: string }
  const answers = await daemon.post<Answers>(`claim/predict?wait_for=${position}`, {
    inputs: [
      { fields: { amount: 25, note: 'it is all stripes' } },
      { fields: { amount: 910, photo: { image } } },
    ],
  })
  expect(labels(answers)).toEqual(['stripes', 'checks'])
  expect(labels(await sendForm('claim/predict', { photo: [image], fields }))).toEqual(['checks'])
})

test('a bad field is refused by its name, at once or as a dead letter', async () => {
  const refused = async (fields: object) => {
    const answer = await daemon.post<{ code: string; detail: string }>('claim/predict', {
      inputs: [{ fields }],
    })
    return [answer.code, answer.detail] as const
  }
  const says = (code: string, place: string) => [code, expect.stringContaining(place) as string]
  const photo = { image: await torn() }
  expect(await refused({ amount: 1, nota: 'x' })).toEqual(says('FIELD_UNKNOWN', 'fields/nota'))
  expect(await refused({ note: 'x' })).toEqual(says('FIELD_MISSING', 'fields/amount'))
  expect(await refused({ amount: 'x' })).toEqual(says('FIELD_WRONG_KIND', 'fields/amount'))
  expect(await refused({ amount: null })).toEqual(says('INPUT_EMPTY', 'fields'))
  expect(await refused({ amount: 1, photo })).toEqual(says('IMAGE_INVALID', 'fields/photo/image'))
  const whole = await made('checks', 40)
  const answer = await sendForm('claim/predict', { photo: [whole], fields: 'amount' })
  expect(answer.code).toBe('BODY_MALFORMED')
  const events = [{ id: 'torn', input: { fields: { amount: 1, photo } }, label: 'checks' }]
  const { position } = await daemon.post<{ position: string }>('claim/feedback', { events })
  await daemon.post(`claim/predict?wait_for=${position}`, { inputs: [{ fields: { amount: 1 } }] })
  const { dead_letters: letters } = await daemon.get<{
    dead_letters: readonly { code: string; id?: string }[]
  }>('claim/dead-letters')
  expect(letters.map(({ code }) => code)).toEqual(['IMAGE_INVALID'])
})

test('the command line sends fields, with the file of a picture', async () => {
  const path = join(folder, 'claim.png')
  writeFileSync(path, Buffer.from(await made('checks', 41), 'base64'))
  const asked = { amount: 905, photo: { image: `@${path}` } }
  const flags = ['-m', 'claim', '--url', daemon.url, '--json']
  const { json } = await runCli('predict', '--fields', JSON.stringify(asked), ...flags)
  expect(labels(json() as Answers)).toEqual(['checks'])
})

test('after a crash the same pictures have the same answers', async () => {
  const before = await daemon.post<Answers>('deep/predict', { inputs: await inputs() })
  await daemon.kill()
  await daemon.start()
  const after = await daemon.post<Answers>('deep/predict', { inputs: await inputs() })
  expect(labels(after)).toEqual(labels(before))
})

test('after it, fields have the same scores', async () => {
  const photo = { image: await made('stripes', 43) }
  const asked = { inputs: [{ fields: { amount: 30, note: 'it is all stripes', photo } }] }
  const scores = async () => {
    const { predictions } = await daemon.post<{
      readonly predictions: readonly { readonly scores: object }[]
    }>('claim/predict', asked)
    return predictions.map((each) => each.scores)
  }
  const before = await scores()
  await daemon.kill()
  await daemon.start()
  expect(await scores()).toEqual(before)
})
