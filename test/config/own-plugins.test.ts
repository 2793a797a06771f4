/** Modules of a user's own in a config: every kind is chosen by its name, and what is wrong with one is said by code. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { modelProblems } from '../../src/config/model-problems.ts'
import { parseConfig } from '../../src/config/config.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { pluginsOf } from '../../src/config/plugins/own-plugins.ts'
import { pluginKinds } from '../../src/config/plugins/plugin-shape.ts'
import { thrown } from '../coded.ts'
import { scratchFolder } from '../scratch-folder.ts'

const trigger = `{
  kind: 'policy.trigger', name: 'every-third', summary: 'updates at every third example',
  settings: {
    offset: { type: 'integer', minimum: 0, maximum: 2, default: 1, description: 'of the first' },
    rest: { type: 'duration', minimum: 1, maximum: 1000, default: '20ms', description: 'unused' },
  },
  open: ({ offset, rest }) => ({
    needsScore: false,
    observe: ({ pending }) => ({
      verdict: (pending + offset) % 3 === 0 ? 'update' : 'wait',
      reason: \`\${pending} pending, \${rest} ms\`,
    }),
    snapshot: () => null,
    restore: () => undefined,
  }),
}`

function folderWith(modules: Readonly<Record<string, string>>): string {
  const folder = scratchFolder()
  for (const [name, text] of Object.entries(modules)) writeFileSync(join(folder, name), text)
  return folder
}

const config = (folder: string, plugins: string, model: string) =>
  parseConfig(`plugins: ${plugins}\nmodels: { m: { labels: [a, b], ${model} } }`, folder)

test('a policy of one’s own is chosen by its name and opened with its settings', () => {
  const folder = folderWith({ 'mine.mjs': `export const plugin = ${trigger}` })
  const settled = config(folder, '[./mine.mjs]', 'trigger: { policy: every-third, offset: 2 }')
  expect(settled.plugins).toEqual([join(folder, 'mine.mjs')])
  expect(settled.models.m!.trigger).toEqual({ policy: 'every-third', offset: 2, rest: '20ms' })
  const { policies } = pluginsOf(settled)
  const opened = openPolicy('trigger', policies.trigger, settled.models.m!.trigger)
  const seen = { pending: 4, nowMs: 0, random: undefined as never }
  expect(opened.observe(seen)).toEqual({ verdict: 'update', reason: '4 pending, 20 ms' })
  // The built-in ones are there as before.
  expect(Object.keys(policies.trigger)).toEqual(expect.arrayContaining(['count', 'every-third']))
})

test('its settings are checked like those of a built-in one', () => {
  const folder = folderWith({ 'mine.mjs': `export const plugin = ${trigger}` })
  const error = thrown(() =>
    config(folder, '[./mine.mjs]', 'trigger: { policy: every-third, offset: 3, offse: 1 }'),
  )
  expect(error.message).toContain('/models/m/trigger/offset must be at most 2')
  expect(error.message).toContain(
    '/models/m/trigger/offse is not a known key; did you mean "offset"?',
  )
})

test('a module may hold several plug-ins, of every kind, and may be CommonJS', () => {
  const open = `() => ({})`
  const all = pluginKinds.map(
    (kind) => `{ kind: '${kind}', name: 'mine', summary: 's', settings: {}, open: ${open} }`,
  )
  const folder = folderWith({ 'mine.cjs': `module.exports.plugins = [${all.join()}]` })
  const settled = config(
    folder,
    '[./mine.cjs]',
    `replay: { policy: mine }, sources: [{ mine: {} }, mine],
     sinks: { dead_letters: mine, predictions: { mine: {} } }`.replace(', mine]', ']'),
  )
  expect(settled.models.m).toMatchObject({
    replay: { policy: 'mine' },
    sources: [{ mine: {} }],
    sinks: { dead_letters: { mine: {} }, predictions: { mine: {} } },
  })
})

test('without the module its name is unknown', () => {
  const error = thrown(() => config(scratchFolder(), '[]', 'sources: [{ spool: {} }]'))
  expect(error.message).toContain('is "spool"; known: http, file, kafka, redis')
})

const plugin = (change: string) => `export const plugin = { ...${trigger}, ${change} }`

test.each([
  ['PLUGIN_MISSING', 'there is no module', undefined],
  ['PLUGIN_BROKEN', 'cannot be loaded: no such thing', `throw new Error('no such thing')`],
  ['PLUGIN_BROKEN', 'cannot be loaded', 'export const plugin = {'],
  ['PLUGIN_BROKEN', 'cannot be loaded', `await 1; export const plugin = {}`],
  ['PLUGIN_INVALID', 'exports neither plugin nor plugins', 'export const other = 1'],
  ['PLUGIN_INVALID', 'exports neither plugin nor plugins', 'export const plugins = []'],
  ['PLUGIN_INVALID', 'exports something else', 'export const plugin = 3'],
  ['PLUGIN_INVALID', 'has the kind "policy"; known: source, sink.dead', plugin(`kind: 'policy'`)],
  ['PLUGIN_INVALID', 'has the name "A b"', plugin(`name: 'A b'`)],
  ['PLUGIN_INVALID', 'has no summary', plugin(`summary: ''`)],
  ['PLUGIN_INVALID', 'has no function open', plugin(`open: 1`)],
  ['PLUGIN_INVALID', 'has no settings', plugin(`settings: undefined`)],
  ['PLUGIN_INVALID', 'settings.x has the type "int"', plugin(`settings: { x: { type: 'int' } }`)],
  [
    'PLUGIN_INVALID',
    'settings.x has the default 9, which must be at most 3',
    plugin(`settings: { x: { type: 'integer', maximum: 3, default: 9 } }`),
  ],
  [
    'PLUGIN_INVALID',
    'settings.x has the pattern "(", which is no regular expression',
    plugin(`settings: { x: { type: 'text', pattern: '(' } }`),
  ],
  ['PLUGIN_NAME_TAKEN', 'count is a policy.trigger already', plugin(`name: 'count'`)],
])('a module is refused with %s: %s', (code, message, text) => {
  const folder = folderWith(text === undefined ? {} : { 'mine.mjs': text })
  const error = thrown(() => config(folder, '[./mine.mjs]', 'isolate: false'))
  expect(error).toMatchObject({ code })
  expect(error.message).toContain(message)
  expect(error.message).toMatch(/^config:1:\d+: \/plugins\/0 /)
})

test('all that is wrong is said at once', () => {
  const folder = folderWith({ 'mine.mjs': plugin(`open: 1`) })
  const error = thrown(() => config(folder, '[./mine.mjs, ./gone.mjs]', 'isolate: 1'))
  expect(error.message.split('\n')).toHaveLength(3)
})

test.each([
  ['throws', `() => { throw new Error('no luck') }`, 'opening every-third failed: no luck'],
  [
    'forgets a part of it',
    '() => ({ needsScore: false })',
    'what every-third opens has no observe',
  ],
])('config check shows a plug-in that %s when it is opened', async (_how, open, message) => {
  const folder = folderWith({ 'mine.mjs': plugin(`open: ${open}`) })
  const settled = config(
    folder,
    '[./mine.mjs]',
    'base: { features: { size: 2 } }, trigger: { policy: every-third }',
  )
  const problems = await modelProblems(settled)
  expect(problems).toHaveLength(1)
  expect(problems[0]).toMatchObject({ path: ['models', 'm', 'trigger'] })
  expect(problems[0]!.message).toContain(message)
})
