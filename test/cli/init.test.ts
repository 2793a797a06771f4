import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../../src/config/config.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { askForTexts } from '../../src/cli/local/init.ts'
import { root } from '../deploy/files.ts'
import { runCli } from './run-cli.ts'

const kinds = readdirSync(join(root, 'deploy/templates')).map((file) => basename(file, '.yaml'))

test.each(kinds)(
  'init %s writes a configuration that starts, and says what to do next',
  async (kind) => {
    const path = join(scratchFolder(), 'antikythera.yaml')
    const { code, stdout } = await runCli('init', kind, '--to', path)
    expect(code).toBe(0)
    const config = loadConfig(path, { environment: {}, flags: [], workingFolder: '/' })
    expect(stdout).toContain(`the model ${Object.keys(config.models)[0]}`)
    expect(stdout).toContain(`npx antikythera serve --config ${path}`)
    expect(readFileSync(path, 'utf8')).toMatch(/^# /)
  },
)

test('init names the command that fetches a base which is not there', async () => {
  const cache = process.env.XDG_CACHE_HOME
  onTestFinished(() => void (process.env.XDG_CACHE_HOME = cache))
  process.env.XDG_CACHE_HOME = scratchFolder()
  const path = join(scratchFolder(), 'antikythera.yaml')
  const { json } = await runCli('init', 'intents', '--to', path, '--json')
  expect(json()).toMatchObject({
    models: ['intents'],
    next: ['antikythera models pull minilm', expect.anything()],
  })
  const chat = await runCli('init', 'chat', '--to', path, '--force', '--json')
  expect(chat.json()).toMatchObject({
    models: ['support'],
    next: ['antikythera models pull smollm2', expect.anything()],
  })
  const facts = await runCli('init', 'facts', '--to', path, '--force', '--json')
  expect(facts.json()).toMatchObject({
    next: ['smollm2', 'minilm']
      .map((base) => `antikythera models pull ${base}`)
      .concat([expect.anything() as string]),
  })
})

test('init replaces nothing unless it is asked to, and refuses an unknown kind', async () => {
  const path = join(scratchFolder(), 'antikythera.yaml')
  writeFileSync(path, 'mine')
  const refused = await runCli('init', '--to', path)
  expect([refused.code, readFileSync(path, 'utf8')]).toEqual([64, 'mine'])
  expect(refused.stderr).toContain('--force')
  expect((await runCli('init', '--to', path, '--force')).code).toBe(0)
  expect((await runCli('init', 'images', '--to', path)).stderr).toContain(
    'text, intents, flags, spans, pictures, tables, numbers, ranking, chat, facts',
  )
})

test.each([
  [['--about', 'tone'], 'minilm', ['negative', 'positive']],
  [['--about', 'topic', '--languages', 'many'], 'e5-small', { open: true, known: [] }],
  [['--about', 'intents', '--languages', 'many'], 'e5-small', { open: true, known: [] }],
  [['--about', 'intents'], 'minilm', { open: true, known: [] }],
] as const)('init %j chooses the base of such texts', async (flags, base, labels) => {
  const path = join(scratchFolder(), 'antikythera.yaml')
  const { code } = await runCli('init', ...flags, '--to', path)
  expect(code).toBe(0)
  const config = loadConfig(path, { environment: {}, flags: [], workingFolder: '/' })
  expect(Object.values(config.models)[0]).toMatchObject({ base, labels })
  const pulls = readFileSync(path, 'utf8').match(/^# +npx antikythera models pull .*$/gm)
  expect(pulls).toEqual([expect.stringMatching(new RegExp(`pull ${base} +fetches`))])
})

test('init asks on a terminal, and asks again for what it does not know', async () => {
  const answers = ['colours', ' Topic', '']
  const asked: string[] = []
  const answered = await askForTexts(async (question) => {
    asked.push(question)
    return Promise.resolve(answers.shift() ?? '')
  })
  expect(answered).toEqual({ about: 'topic', languages: 'english' })
  expect(asked).toHaveLength(3)
  expect(asked[0]).toContain('tone, topic, intents')
  const aborted = Promise.reject(new Error('Aborted with Ctrl+D'))
  await expect(askForTexts(async () => aborted)).rejects.toMatchObject({ code: 'USAGE' })
})

test('init refuses what is about texts for rows and chats', async () => {
  const path = join(scratchFolder(), 'antikythera.yaml')
  for (const [kind, about] of [
    ['tables', 'tone'],
    ['text', 'intents'],
  ] as const) {
    const { code, stderr } = await runCli('init', kind, '--about', about, '--to', path)
    expect(code).toBe(64)
    expect(stderr).toContain(kind === 'text' ? 'init intents' : 'not for tables')
  }
})
