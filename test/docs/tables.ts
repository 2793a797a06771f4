/** Tables of the documentation, made from what plug-ins declare: names, summaries, settings with their defaults. */
import type { Setting, Settings } from '../../src/contracts/core.ts'

/** What a table needs of a plug-in. */
export interface Described {
  readonly summary: string
  readonly settings: Settings
}

export type PluginTable = Readonly<Record<string, Described>>

/** A table of Markdown; the first row has the titles. Prettier aligns it. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [titles = [], ...others] = rows
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(titles), line(titles.map(() => '---')), ...others.map(line)].join('\n')
}

/** One row a plug-in: its name, all of its settings, its summary. */
export function pluginRows(table: PluginTable): readonly (readonly string[])[] {
  return Object.entries(table).map(([name, { settings, summary }]) => [
    code(name),
    Object.entries(settings).map(settingText).join(', '),
    summary,
  ])
}

/** One row a setting; plug-ins that share it with one meaning share the row. */
export function settingRows(table: PluginTable): readonly (readonly string[])[] {
  const rows = new Map<string, { readonly owners: string[]; readonly cells: readonly string[] }>()
  for (const [owner, { settings }] of Object.entries(table))
    for (const [name, setting] of Object.entries(settings)) {
      const cells = [code(name), defaultText(setting), setting.description ?? '']
      const row = rows.get(cells.join('\n')) ?? { owners: [], cells }
      row.owners.push(code(owner))
      rows.set(cells.join('\n'), row)
    }
  return [...rows.values()].map(({ owners, cells: [name = '', ...others] }) => [
    name,
    owners.length === Object.keys(table).length && owners.length > 1 ? 'all' : owners.join(', '),
    ...others,
  ])
}

function settingText([name, setting]: readonly [string, Setting]): string {
  const text = defaultText(setting)
  return text === '' ? code(name) : `${code(name)} (${text})`
}

/** Empty if there is none. */
function defaultText(setting: Setting): string {
  if (setting.required) return 'required'
  if (!('default' in setting)) return ''
  return typeof setting.default === 'string' ? setting.default : JSON.stringify(setting.default)
}

function code(name: string): string {
  return `\`${name}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '\\<').replaceAll('\n', ' ')
}
