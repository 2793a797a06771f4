/** Which document has which generated tables, and how a document gets them. */
import { format, resolveConfig } from 'prettier'
import {
  chatParameters,
  completionParameters,
  ownCompletionParameters,
  embeddingParameters,
  type Parameters,
} from '../../src/api/openai/parameters.ts'
import { bases, methods, policies, sinks, sources, tasks } from '../../src/plugins.ts'
import { measuredRows } from '../bench/lib/measured.mjs'
import { markdownTable, pluginRows, settingRows, type PluginTable } from './tables.ts'

const decides = {
  replay: 'which examples are kept, and how they are shown again',
  regularizer: 'what protects earlier learning besides replay',
  memory: 'what answers along with the head before it is learned',
  trigger: 'when pending examples are learned',
  rate: 'how fast it learns, as a factor on both learning rates',
  few_shot: 'how the first labelled examples are learned',
  exploration: 'which item of a ranking comes next, best or not',
  promotion: 'whether a finished candidate becomes live',
  rollout: 'how a released version goes live: at once, or on trial first',
  rollback: 'whether the live version goes back by itself',
} satisfies Readonly<Record<keyof typeof policies, string>>

const settingTitles = ['default', 'meaning'] as const

/** Path → the tables between its marks, by their names. */
export const documents: Readonly<Record<string, Readonly<Record<string, () => string>>>> = {
  'README.md': { measured: () => markdownTable(measuredRows()) },
  'policies/catalogue.md': { policies: policyTable, settings: policySettings },
  'connectors/README.md': { settings: connectorSettings },
  'src/adapters/settings.md': { settings: methodSettings },
  'src/bases/settings.md': { bases: () => summaries('base', bases), settings: baseSettings },
  'src/api/openai/parameters.md': { parameters: openaiParameters },
  'src/tasks/settings.md': { settings: () => settingTable('task', tasks) },
}

/** The document with its tables as they are today. Throws if a mark is missing. */
export async function generated(
  path: string,
  text: string,
  tables: Readonly<Record<string, () => string>>,
): Promise<string> {
  const filled = Object.entries(tables).reduce((so, [name, table]) => {
    const [start, end] = [`<!-- npm run docs: ${name} -->`, `<!-- end: ${name} -->`]
    const [before, rest] = [so.indexOf(start), so.indexOf(end)]
    if (before < 0 || rest < before) throw new Error(`${path} has no marks ${start} … ${end}`)
    return `${so.slice(0, before + start.length)}\n\n${table()}\n\n${so.slice(rest)}`
  }, text)
  return format(filled, { ...(await resolveConfig(path)), filepath: path })
}

function policyTable(): string {
  const rows = Object.entries<PluginTable>(policies).flatMap(([kind, table]) =>
    pluginRows(table).map((cells, at) => {
      const [shown, what] = at === 0 ? [`\`${kind}\``, decides[kind as keyof typeof decides]] : []
      return [shown ?? '', what ?? '', ...cells]
    }),
  )
  return markdownTable([
    ['kind', 'decides', 'policy', 'settings (default)', 'what it does'],
    ...rows,
  ])
}

function policySettings(): string {
  const rows = Object.entries<PluginTable>(policies).flatMap(([kind, table]) =>
    settingRows(table).map((cells, at) => [at === 0 ? `\`${kind}\`` : '', ...cells]),
  )
  return markdownTable([['kind', 'setting', 'policy', ...settingTitles], ...rows])
}

function connectorSettings(): string {
  const tables: Readonly<Record<string, PluginTable>> = {
    sources,
    'sinks: dead_letters': sinks.dead_letters,
    'sinks: predictions': sinks.predictions,
  }
  const rows = Object.entries(tables).flatMap(([place, table]) =>
    settingRows(table).map((cells, at) => [at === 0 ? `\`${place}\`` : '', ...cells]),
  )
  return markdownTable([['under', 'setting', 'connector', ...settingTitles], ...rows])
}

function methodSettings(): string {
  return settingTable('method', methods)
}

function baseSettings(): string {
  return settingTable('base', bases)
}

/** One row for all routes whose parameter of this name means the same. */
function openaiParameters(): string {
  const routes: Readonly<Record<string, Parameters>> = {
    chat: chatParameters,
    completions: { ...completionParameters, ...ownCompletionParameters },
    embeddings: embeddingParameters,
  }
  const rows = new Map<string, { readonly cells: readonly string[]; readonly routes: string[] }>()
  for (const [route, parameters] of Object.entries(routes))
    for (const [name, { fate, what, nothing = [] }] of Object.entries(parameters)) {
      const values = nothing.map((each) => `\`${JSON.stringify(each)}\``).join(' or ')
      const meaning = values === '' ? what : `${what}; may be ${values}`
      const key = [name, fate, meaning].join()
      const row = rows.get(key) ?? { cells: [`\`${name}\``, fate, meaning], routes: [] }
      row.routes.push(route)
      rows.set(key, row)
    }
  return markdownTable([
    ['parameter', 'of', 'is', 'meaning or reason'],
    ...[...rows.values()].map(({ cells: [name = '', ...rest], routes: of }) => [
      name,
      of.join(', '),
      ...rest,
    ]),
  ])
}

function settingTable(what: string, table: PluginTable): string {
  return markdownTable([['setting', what, ...settingTitles], ...settingRows(table)])
}

function summaries(what: string, table: PluginTable): string {
  const rows = Object.entries(table).map(([name, { summary }]) => [`\`${name}\``, summary])
  return markdownTable([[what, 'what it is'], ...rows])
}
