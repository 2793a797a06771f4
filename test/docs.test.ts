/** The tables of the documents are those that the code declares: `npm run docs` writes them. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
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

test('every relative link of a document leads to a file or folder', () => {
  const dead = trackedFiles()
    .filter((path) => path.endsWith('.md'))
    .flatMap((path) => {
      const text = readFileSync(join(root, path), 'utf8')
      const links = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => link)
      const isDead = (link: string) =>
        !/^[a-z]+:/.test(link) && !existsSync(join(root, dirname(path), link))
      return links.filter(isDead).map((link) => `${path}: ${link}`)
    })
  expect(dead).toEqual([])
})

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
