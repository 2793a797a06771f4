/** The house rules, held by a test: which room may know which, and where time, chance and environment come in. */
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { errorTable } from '../src/platform/errors.ts'
import { inputs, methods, signals, tasks } from '../src/plugins.ts'
import { roomImports, roomOf } from './room-imports.ts'
import {
  importCircles,
  loadedBy,
  readSources,
  root,
  sourceFile,
  trackedFiles,
  untilLastImport,
  walk,
  type SourceFile,
} from './source-tree.ts'

const sources = readSources(['src', 'connectors', 'policies'])
const byPath = new Map(sources.map((source) => [source.path, source]))
const rooms = [
  'contracts',
  'platform',
  'config',
  'payloads',
  'intake',
  'nn',
  'bases',
  'adapters',
  'tasks',
  'learner',
  'optim',
  'checkpoint',
  'trainer',
  'versions',
  'evaluation',
  'fleet',
  'serving',
  'client',
  'api',
  'app',
  'cli',
]
const inRoom = (path: string, ...names: string[]) =>
  names.some((name) => path.startsWith(`src/${name}/`))

/** `path:line` of every node that a rule refuses. */
function places(files: readonly SourceFile[], refuses: (node: ts.Node) => boolean): string[] {
  return files.flatMap(({ path, tree }) => {
    const found: string[] = []
    walk(tree, (node) => {
      if (!refuses(node)) return
      const { line } = tree.getLineAndCharacterOfPosition(node.getStart())
      found.push(`${path}:${line + 1}`)
    })
    return found
  })
}

test('the folders at the top are src, connectors, policies, deploy and test', () => {
  const folders = trackedFiles().flatMap((path) =>
    path.includes('/') ? [path.split('/', 1)[0]] : [],
  )
  const visible = [...new Set(folders)].filter((folder) => !folder?.startsWith('.'))
  expect(visible.sort()).toEqual(['connectors', 'deploy', 'policies', 'src', 'test'])
})

test('the rooms of src are those that the design names', () => {
  const found = sources.flatMap(({ path }) => /^src\/([^/]+)\//.exec(path)?.[1] ?? [])
  expect([...new Set(found)].sort()).toEqual([...rooms].sort())
})

test('every room has a page that says what it is, and a page is short', () => {
  const wordsOf = (room: string) => {
    const path = join(root, 'src', room, 'README.md')
    return existsSync(path) ? readFileSync(path, 'utf8').split(/\s+/).length : 0
  }
  const odd = rooms.map((room) => [room, wordsOf(room)] as const)
  expect(odd.filter(([, words]) => words < 50 || words > 650)).toEqual([])
})

test('connectors and policies know the contracts of src and nothing else of it', () => {
  const outside = sources
    .filter(({ path }) => !path.startsWith('src/'))
    .flatMap(({ path, imports }) =>
      imports
        .filter(({ target, isOurs }) => isOurs && target.split('/')[0] !== path.split('/')[0])
        .filter(({ target }) => !target.startsWith('src/contracts/'))
        .map(({ target }) => `${path} → ${target}`),
    )
  expect(outside).toEqual([])
})

const between = sources.flatMap(({ path, imports }) =>
  imports
    .filter(({ target, isOurs }) => isOurs && roomOf(target) !== roomOf(path))
    .map(({ target }) => ({
      from: roomOf(path),
      to: roomOf(target),
      place: `${path} → ${target}`,
    })),
)

test('a room imports only the rooms that the table allows', () => {
  const refused = between.filter(({ from, to }) => roomImports[from]?.includes(to) !== true)
  expect(refused.map(({ place }) => place)).toEqual([])
})

test('the table allows no import between rooms that none needs', () => {
  const used = new Set(between.map(({ from, to }) => `${from} → ${to}`))
  const allowed = Object.entries(roomImports).flatMap(([from, rooms]) =>
    rooms.map((to) => `${from} → ${to}`),
  )
  expect(allowed.filter((each) => !used.has(each))).toEqual([])
})

test('rooms import only rooms above them in the table, so that no two import each other', () => {
  const order = Object.keys(roomImports)
  const upward = Object.entries(roomImports).flatMap(([from, rooms]) =>
    rooms.filter((to) => order.indexOf(to) >= order.indexOf(from)).map((to) => `${from} → ${to}`),
  )
  expect(upward).toEqual([])
})

test('a surface of the API imports no other surface, and what is below the surfaces imports none', () => {
  const surfaceOf = (path: string) => /^src\/api\/([^/]+)\//.exec(path)?.[1] ?? 'none'
  const known = ['none', 'http']
  const crossing = sources.flatMap(({ path, imports }) =>
    imports
      .map(({ target }) => ({ path, target, from: surfaceOf(path), to: surfaceOf(target) }))
      .filter(({ from, to }) => path.startsWith('src/api/') && from !== to && !known.includes(to)),
  )
  expect(crossing.map(({ path, target }) => `${path} → ${target}`)).toEqual([])
})

test('no two folders of a room import each other', () => {
  const folderOf = (path: string) => /^src\/[^/]+\/[^/]+(?=\/)/.exec(path)?.[0]
  const links = new Map<string, string>()
  for (const { path, imports } of sources)
    for (const { target } of imports) {
      const [from, to] = [folderOf(path), folderOf(target)]
      if (from === undefined || to === undefined || from === to) continue
      if (roomOf(path) === roomOf(target)) links.set(`${from} → ${to}`, `${path} → ${target}`)
    }
  const both = [...links].filter(([link]) => links.has(link.split(' → ').reverse().join(' → ')))
  expect(both.map(([, place]) => place)).toEqual([])
})

test('no import runs in a circle', () => {
  expect(importCircles(sources)).toEqual([])
})

test('a circle would be found, also one of types', () => {
  const circle = importCircles([
    sourceFile('src/a.ts', "import { b } from './b.ts'"),
    sourceFile('src/b.ts', "import type { A } from './c.ts'"),
    sourceFile('src/c.ts', "export * from './a.ts'"),
  ])
  expect(circle).toEqual([['src/a.ts', 'src/b.ts', 'src/c.ts', 'src/a.ts']])
})

const outsidePlatform = sources.filter(({ path }) => !inRoom(path, 'platform', 'config', 'cli'))

test.each([
  ['time', /^(Date\.now|performance\.now|process\.hrtime|process\.hrtime\.bigint)$/],
  ['chance', /^(Math\.random|crypto\.getRandomValues)$/],
  ['environment', /^process\.(env|argv|cwd)$/],
])('%s comes in through src/platform, src/config and src/cli only', (_what, pattern) => {
  const found = places(
    outsidePlatform,
    (node) => ts.isPropertyAccessExpression(node) && pattern.test(node.getText()),
  )
  expect(found).toEqual([])
})

test('the time of now is not taken by `new Date()` either', () => {
  const found = places(
    outsidePlatform,
    (node) =>
      ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length,
  )
  expect(found).toEqual([])
})

test('nothing is exported by default', () => {
  const found = places(sources, (node) => {
    const isAssignment = ts.isExportAssignment(node)
    const isModifier =
      node.kind === ts.SyntaxKind.DefaultKeyword && ts.canHaveModifiers(node.parent)
    const isNamed = ts.isExportSpecifier(node) && node.name.text === 'default'
    return isAssignment || isModifier || isNamed
  })
  expect(found).toEqual([])
})

test('no import stands below the part of a file that the choice of quick tests reads', () => {
  const cut = sources.filter(({ text, tree }) => {
    const last = tree.statements.filter(importsAtOnce).at(-1)
    return last !== undefined && last.end > untilLastImport(text).length
  })
  expect(cut.map(({ path }) => path)).toEqual([])
})

function importsAtOnce(statement: ts.Statement): boolean {
  if (ts.isImportDeclaration(statement)) return true
  return ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined
}

test('no file is a drawer for whatever fits nowhere else', () => {
  const drawers = trackedFiles().filter((path) =>
    /^(utils?|helpers?|common|misc|managers?|shared)\b/.test(basename(path)),
  )
  expect(drawers).toEqual([])
})

test('files are named in kebab-case', () => {
  const odd = sources.filter(
    ({ path }) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.d)?\.ts$/.test(basename(path)),
  )
  expect(odd.map(({ path }) => path)).toEqual([])
})

test('every file of the source begins by saying what it is', () => {
  const silent = sources.filter(({ text }) => !text.startsWith('/**') && !text.startsWith('#!'))
  expect(silent.map(({ path }) => path)).toEqual([])
})

test('only src/nn/tfjs/tensorflow.ts loads TensorFlow', () => {
  const loading = sources.filter(({ imports }) =>
    imports.some(({ target, isType }) => target.startsWith('@tensorflow/') && !isType),
  )
  expect(loading.map(({ path }) => path)).toEqual(['src/nn/tfjs/tensorflow.ts'])
})

test.each(['src/app/daemon.ts', 'src/cli/main.ts', 'src/api/http/server.ts'])(
  '%s loads no TensorFlow, however far its imports are followed',
  (start) => {
    expect(byPath.has(start)).toBe(true)
    expect([...loadedBy(start, sources)]).not.toContain('src/nn/tfjs/tensorflow.ts')
  },
)

test('no file of the serving, api, platform or config room leads to TensorFlow, and the trainer does', () => {
  const leading = sources
    .filter(({ path }) => inRoom(path, 'serving', 'api', 'platform', 'config'))
    .filter(({ path }) => loadedBy(path, sources).has('src/nn/tfjs/tensorflow.ts'))
  expect(leading.map(({ path }) => path)).toEqual([])
  expect(loadedBy('src/app/trainer.ts', sources).has('src/nn/tfjs/tensorflow.ts')).toBe(true)
})

test('the command line begins with commander alone, so that help comes at once', () => {
  expect(packagesOf('src/cli/main.ts')).toEqual(['commander'])
})

test('a trainer starts without the packages that only some configurations need, and without YAML', () => {
  expect(packagesOf('src/app/trainer.ts').sort()).toEqual([
    '@huggingface/tokenizers',
    'libsql',
    'pino',
    'typebox',
  ])
})

/** The packages that a file loads at once, and all that it imports. */
function packagesOf(start: string): string[] {
  const packages = [...loadedBy(start, sources)].flatMap((path) =>
    (byPath.get(path)?.imports ?? [])
      .filter(({ isOurs, isType, isDynamic }) => !isOurs && !isType && !isDynamic)
      .map(({ target }) => target)
      .filter((target) => !target.startsWith('node:')),
  )
  return [...new Set(packages)]
}

test('the rooms know nothing of the files that put them together', () => {
  const knowing = sources
    .filter(({ path }) =>
      rooms.some((room) => room !== 'cli' && room !== 'app' && inRoom(path, room)),
    )
    .filter(({ imports }) => imports.some(({ target }) => target.startsWith('src/app/')))
  expect(knowing.map(({ path }) => path)).toEqual([])
})

/** A plug-in's folder or file, as its path begins; undefined for what is no plug-in. */
function pluginOf(path: string): string | undefined {
  const folder =
    /^(src\/(bases|tasks)\/[^/]+|connectors\/[^/]+|policies\/[^/]+|src\/api\/(?:v1|dashboard))\//
  const method = new RegExp(
    `^src/adapters/(?:closed-form/)?(${Object.keys(methods).join('|')})\\.ts$`,
  )
  return (folder.exec(path) ?? method.exec(path))?.[0]
}

/** Who knows a plug-in and is none, apart from the table, and what for. */
const acquainted: Readonly<Record<string, string>> = {
  'src/client/answers.ts → src/tasks/classification/': 'types of answers',
  'src/client/answers.ts → src/tasks/generation/': 'the same',
  'src/client/answers.ts → src/tasks/multilabel/': 'the same',
  'src/client/answers.ts → src/tasks/ranking/': 'the same',
  'src/client/answers.ts → src/tasks/regression/': 'the same',
  'src/client/answers.ts → src/tasks/spans/': 'the same',
  'src/cli/demo/fleet.ts → connectors/kafka/': 'the demo writes to a topic',
  'src/cli/doctor/bases.ts → src/bases/bert/': 'doctor tries each base that there is',
  'src/cli/doctor/bases.ts → src/bases/pulled/': 'the same',
  'src/cli/doctor/bases.ts → src/bases/use-lite/': 'the same',
  'src/cli/feedback/flags.ts → connectors/kafka/': 'feedback --kafka',
  'src/cli/feedback/send-to-kafka.ts → connectors/kafka/': 'feedback --kafka',
  'src/cli/local/init.ts → src/bases/pulled/': 'init and models pull',
  'src/cli/local/models.ts → src/bases/pulled/': 'init and models pull',
  'src/app/fleet.ts → connectors/redis/': 'where a fleet leaves how far it has read',
  'src/app/model.ts → src/bases/bert/': 'an imported folder names its base by path or name',
  'src/app/model.ts → src/bases/pulled/': 'the same',
  'src/antikythera.ts → src/tasks/classification/': 'types of answers',
  'src/antikythera.ts → src/tasks/labels/': 'the same',
  'src/config/schema/choices.ts → src/tasks/regression/': 'settings of a task',
}

test('only src/plugins.ts names a concrete plug-in, and the plug-ins themselves', () => {
  const kindOf = (path: string) => path.replace(/^src\//, '').split('/', 1)[0]
  const isPlugin = (path: string) => pluginOf(path) !== undefined
  const knowing = sources.flatMap(({ path, imports }) =>
    imports.flatMap(({ target, isOurs }) => {
      const plugin = isOurs ? pluginOf(target) : undefined
      if (plugin === undefined || path === 'src/plugins.ts') return []
      // A plug-in may be made of another of its kind, as dora is of lora.
      if (isPlugin(path) && kindOf(path) === kindOf(target)) return []
      return [`${path} → ${plugin}`]
    }),
  )
  expect(knowing.filter((place) => !Object.hasOwn(acquainted, place))).toEqual([])
})

/** Every text in a place where it can only be a code: the first argument of `failure` and of `new CodedError`. */
function thrownCodes(): ReadonlyMap<string, string> {
  const codes = new Map<string, string>()
  for (const { path, tree } of sources)
    walk(tree, (node) => {
      const isCall = ts.isCallExpression(node) && node.expression.getText() === 'failure'
      const isNew = ts.isNewExpression(node) && node.expression.getText() === 'CodedError'
      const argument = isCall || isNew ? node.arguments?.[0] : undefined
      if (argument && ts.isStringLiteral(argument)) codes.set(argument.text, path)
    })
  return codes
}

/** Where a label is what a person or a file of PEFT says, or what an old table has, with the reason. */
const ofLabels: Readonly<Record<string, string>> = {
  'src/trainer/forgetting/certificate.ts': 'says to people which counts are left',
  'src/versions/import/draft.ts': 'the head of a PEFT classifier has a row for each label',
  'src/versions/import/head-choice.ts': 'the head of a PEFT classifier has a row for each label',
}

const labelless = ['learner', 'optim', 'checkpoint', 'trainer', 'serving', 'versions', 'api']

test('labels are the business of the tasks: the core and its edges know none', () => {
  const found = places(
    sources.filter(({ path }) => inRoom(path, ...labelless) && !Object.hasOwn(ofLabels, path)),
    (node) => {
      const isName = ts.isIdentifier(node) || ts.isPrivateIdentifier(node)
      const isText = ts.isStringLiteralLike(node) || ts.isTemplateLiteralToken(node)
      return (isName || isText) && /label/i.test(node.text)
    },
  )
  expect(found).toEqual([])
})

/** The targets of a task are its own, and stored: their kinds may be called as the signals that they come from. */
const isTargetKind = (node: ts.Node) =>
  node.getSourceFile().fileName.startsWith('src/tasks/') &&
  !/^(signal|input)\b/.test(node.getText())

test('only its owner compares a kind with the name of an input or a signal; others ask isOf', () => {
  const names = new Set([...Object.keys(inputs), ...Object.keys(signals), 'retract'])
  const isKind = (node: ts.Node) => /(^|\.)kind$/.test(node.getText())
  const isName = (node: ts.Node) => ts.isStringLiteral(node) && names.has(node.text)
  const found = places(
    sources.filter(({ path }) => !inRoom(path, 'payloads') && path !== 'src/contracts/event.ts'),
    (node) =>
      ts.isBinaryExpression(node) &&
      /^[!=]==$/.test(node.operatorToken.getText()) &&
      isKind(node.left) &&
      !isTargetKind(node.left) &&
      isName(node.right),
  )
  // The parts of a template that are text, or a mark.
  expect(found.filter((place) => !place.startsWith('src/bases/causal/language.ts'))).toEqual([])
})

test('only its folder and the table of plug-ins name a task where something is decided', () => {
  const names = new Set(Object.keys(tasks))
  const found = places(
    sources.filter(({ path }) => !inRoom(path, 'tasks') && path !== 'src/plugins.ts'),
    (node) =>
      ts.isStringLiteralLike(node) &&
      names.has(node.text) &&
      (ts.isBinaryExpression(node.parent) || ts.isCaseClause(node.parent)),
  )
  expect(found).toEqual([])
})

test('every code that is thrown stands in the table of errors', () => {
  const unknown = [...thrownCodes()].filter(([code]) => !Object.hasOwn(errorTable, code))
  expect(unknown).toEqual([])
})

test('every code of the table is used somewhere', () => {
  const others = sources.filter(({ path }) => path !== 'src/platform/errors.ts')
  const unused = Object.keys(errorTable).filter(
    (code) => !others.some(({ text }) => text.includes(code)),
  )
  expect(unused).toEqual([])
})
