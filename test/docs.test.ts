/** The tables of the documents are those that the code declares: `npm run docs` writes them. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { parseConfig } from '../src/config/config.ts'
import { openPolicies } from '../src/config/plugins/open-policy.ts'
import type { PolicyTable } from '../src/contracts/policy.ts'
import { methods, policies } from '../src/plugins.ts'
import { documents, generated } from './docs/documents.ts'
import { markdownTable, settingRows } from './docs/tables.ts'
import { root, trackedFiles } from './source-tree.ts'

test.each(Object.entries(documents))(
  '%s has the tables that the code declares; otherwise run `npm run docs`',
  async (path, tables) => {
    const file = join(root, path)
    const text = await generated(path, readFileSync(file, 'utf8'), tables)
    await expect(text, `${path} is not up to date: run npm run docs`).toMatchFileSnapshot(file)
  },
)

test('the header of each policy and method has an example, which a config accepts and opens', () => {
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-docs-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'golden.jsonl'), '{"text":"fine","label":"yes"}\n')
  const headers = trackedFiles().filter((path) => /^(policies|src\/adapters)\/.*\.ts$/.test(path))
  const examples = headers.flatMap((path) => examplesIn(readFileSync(join(root, path), 'utf8')))
  const models = Object.fromEntries(
    examples.map((example, at) => [
      `m${at}`,
      { ...(!('task' in example) && { labels: ['no', 'yes'] }), ...example },
    ]),
  )
  const config = parseConfig(stringify({ data_dir: 'data', models }), folder)
  const opened = examples.flatMap((example, at) => {
    const model = config.models[`m${at}`]!
    const { adapter } = model
    const method = methods[adapter.method as keyof typeof methods]
    expect(method.open(adapter as never).name).toBe(adapter.method)
    const chosen = Object.entries(policies).flatMap(([kind, table]) =>
      kind in example
        ? openPolicies(kind, table as PolicyTable<unknown>, model[kind as keyof typeof policies])
        : [],
    )
    return [...('adapter' in example ? [adapter.method] : []), ...chosen.map(({ name }) => name)]
  })
  const declared = [methods, ...Object.values(policies)].flatMap((table) => Object.keys(table))
  expect(new Set(opened)).toEqual(new Set(declared))
})

/** What a header indents by four: lines of a model in the config. */
function examplesIn(text: string): readonly object[] {
  const blocks = [...text.matchAll(/(?:^ \* {5}\w+: .*\n)+/gm)]
  return blocks.map(([lines]) => parse(lines.replaceAll(/^ \* {5}/gm, '')) as object)
}

test('every relative link of a document leads to a file or folder, and its anchor to a heading', () => {
  const headings = new Map<string, ReadonlySet<string>>()
  const anchorsOf = (file: string) => {
    const known = headings.get(file) ?? anchors(readFileSync(file, 'utf8'))
    headings.set(file, known)
    return known
  }
  const dead = trackedFiles()
    .filter((path) => path.endsWith('.md'))
    .flatMap((path) => {
      const text = readFileSync(join(root, path), 'utf8')
      const isDead = (link: string) => {
        if (/^[a-z]+:/.test(link)) return false
        const [to = '', anchor] = link.split('#')
        const file = to === '' ? join(root, path) : join(root, dirname(path), to)
        if (!existsSync(file)) return true
        return anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).has(anchor)
      }
      const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
      return links.filter(isDead).map((link) => `${path}: ${link}`)
    })
  expect(dead).toEqual([])
})

test('an anchor is made of a heading as GitHub makes it', () => {
  const text = '# Keys, `roles` and [rates](a.md)\n```\n# no heading\n```\n## Back\n## Back\n'
  expect([...anchors(text)]).toEqual(['keys-roles-and-rates', 'back', 'back-1'])
})

/** The anchors of a document's headings. */
function anchors(text: string): ReadonlySet<string> {
  const found = new Set<string>()
  const prose = text.replaceAll(/^```[^]*?^```$/gm, '')
  for (const [, heading = ''] of prose.matchAll(/^#+ (.*)$/gm)) {
    const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const anchor = words.replaceAll(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-')
    const times = [...found].filter((each) => each.replace(/-\d+$/, '') === anchor).length
    found.add(times === 0 ? anchor : `${anchor}-${times}`)
  }
  return found
}

test('a document without the marks of its table is refused', async () => {
  await expect(generated('a.md', '# A', { settings: () => '' })).rejects.toThrow(/no marks/)
})

test('plug-ins that share a setting share its row, and another meaning has its own', () => {
  const rank = { type: 'integer', default: 8, description: 'of A·B' } as const
  const table = {
    one: { summary: '', settings: { rank } },
    two: { summary: '', settings: { rank } },
    three: { summary: '', settings: { rank: { ...rank, description: 'width | height' } } },
  }
  expect(settingRows(table)).toEqual([
    ['`rank`', '`one`, `two`', '8', 'of A·B'],
    ['`rank`', '`three`', '8', 'width | height'],
  ])
  expect(markdownTable([['a'], ['x | y']])).toBe('| a |\n| --- |\n| x \\| y |')
})
