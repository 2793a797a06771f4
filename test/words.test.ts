/** Plain English: words that made the comments and messages hard to read must not come back. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { readSources, root, trackedFiles, walk, type SourceFile } from './source-tree.ts'

const old =
  /\b(anew|afresh|heed(s|ed|ing)?|mend(s|ed|ing)?|whoever|whomever|nobody|somebody|told|tells|thereof|dealt|alike|ever since)\b/i

/** Comments, and texts of at least two words: everything that a person reads. */
function proseOf({ text, tree }: SourceFile): readonly string[] {
  const comments = new Map<number, string>()
  const texts: string[] = []
  walk(tree, (node) => {
    const ranges = [
      ...(ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []),
      ...(ts.getTrailingCommentRanges(text, node.getEnd()) ?? []),
    ]
    for (const { pos, end } of ranges) comments.set(pos, text.slice(pos, end))
    const isText =
      ts.isStringLiteralLike(node) ||
      ts.isTemplateHead(node) ||
      ts.isTemplateMiddle(node) ||
      ts.isTemplateTail(node)
    if (isText && node.text.trim().includes(' ')) texts.push(node.text)
  })
  return [...comments.values(), ...texts]
}

const finding = (path: string, prose: string) => {
  const found = old.exec(prose)
  return found === null ? [] : [`${path}: “${found[0]}” in ${prose.trim().slice(0, 80)}`]
}

test('comments and messages use none of the old words', () => {
  const found = readSources(['src', 'connectors', 'policies']).flatMap((source) =>
    proseOf(source).flatMap((prose) => finding(source.path, prose)),
  )
  expect(found).toEqual([])
})

/** A type that is called by a participle alone says what was done, and not what it is. */
const participle =
  /^([A-Z][a-z]+ed|Begun|Chosen|Done|Drawn|Found|Given|Held|Kept|Known|Made|Said|Seen|Shown|Taught|Told|Written|GoingOn)$/

test('types have nouns for names', () => {
  const found = readSources(['src', 'connectors', 'policies']).flatMap(({ path, tree }) =>
    tree.statements
      .filter(
        (each) =>
          ts.isInterfaceDeclaration(each) ||
          ts.isTypeAliasDeclaration(each) ||
          ts.isClassDeclaration(each),
      )
      .flatMap(({ name }) => (name && participle.test(name.text) ? [`${path}: ${name.text}`] : [])),
  )
  expect(found).toEqual([])
})

test('README files, set-up and deployments use none of the old words', () => {
  const found = trackedFiles()
    .filter((path) => path.endsWith('.md') || /^deploy\/.*\.(mjs|ya?ml|service)$/.test(path))
    .flatMap((path) =>
      readFileSync(join(root, path), 'utf8')
        .split('\n')
        .flatMap((line) => finding(path, line)),
    )
  expect(found).toEqual([])
})

test('an old word would be found, in a comment, a text and a template', () => {
  for (const line of ['/** Begins anew. */ let a', "f('to be mended')", 'f(`${a} was told so`)'])
    expect(proseOf(fileOf(line)).flatMap((prose) => finding('x', prose))).toHaveLength(1)
  expect(proseOf(fileOf('const told = 1 // A name is not prose.'))).not.toContain('told')
})

function fileOf(text: string): SourceFile {
  const tree = ts.createSourceFile('x.ts', text, ts.ScriptTarget.ES2022, true)
  return { path: 'x.ts', text, tree, imports: [] }
}
