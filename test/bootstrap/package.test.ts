/** The package as npm packs it: what is in it, and that a program elsewhere can import it with its types. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { scratchFolder } from '../scratch-folder.ts'
import { real } from './checkout.ts'

/** Installed as npm does it: the package unpacked below node_modules, its dependencies beside it. */
function installed(): string {
  const folder = scratchFolder()
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: real.root,
    encoding: 'utf8',
  })
  const [{ filename }] = JSON.parse(packed.slice(packed.indexOf('['))) as [{ filename: string }]
  const home = join(folder, 'node_modules', 'antikythera')
  mkdirSync(home, { recursive: true })
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', home, '--strip-components=1'])
  symlinkSync(real.nodeModules, join(home, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  return folder
}

const program = `
  import { CodedError, openPredictor, parseConfig, readConfig, startDaemon } from 'antikythera'
  import type { Clock, Lease, Predictor, Sink, Source, SourceRecord, Trigger } from 'antikythera'
  import { openClient, type Model } from 'antikythera/client'
  import type { MethodPlugin } from 'antikythera/contracts'

  const config = parseConfig('models: { m: { labels: [a, b] } }', { folder: import.meta.dirname })
  export class Nothing implements Source {
    readonly name = 'nothing'
    async open(): Promise<void> {}
    async read(): Promise<readonly SourceRecord[]> { return [] }
    async commit(): Promise<void> {}
    async lag(): Promise<number> { return 0 }
    async close(): Promise<void> {}
  }
  export type Seams = [Clock, Lease, MethodPlugin, Sink, Trigger]
  const client = openClient({ url: 'http://127.0.0.1:1' })
  const shares = async (): Promise<readonly (number | null)[]> =>
    (await client.models()).models.map(({ headline }: Model) => headline.recent)
  export type Asked = Parameters<Predictor['predict']>[0]
  export const inputs: Asked = ['a', { text: 'b' }, { features: { age: 3 } }, { kind: 'text', text: 'c' }]
  export const models: readonly string[] = Object.keys(config.models)
  const error = await openPredictor(config).catch((error: unknown) => error)
  const refused = await shares().catch((error: unknown) => error instanceof CodedError && error.code)
  console.log(refused, typeof startDaemon, typeof readConfig, error instanceof CodedError && error.code)
`

/** As strict as it gets, under other options than our own. */
const compilerOptions = {
  ...{ strict: true, module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2023 },
  ...{ typeRoots: [join(real.nodeModules, '@types')], types: ['node'] },
}

/** What is wrong with the program and with the package's declarations. To check those of other packages as well takes six times as long. */
function faultsOf(folder: string): readonly string[] {
  const whole = ts.createProgram([join(folder, 'app.ts')], compilerOptions)
  const ours = whole
    .getSourceFiles()
    .filter(({ fileName }) => dirname(fileName) === folder || isDeclared(fileName))
  expect(ours.length).toBeGreaterThan(50)
  const faults = ours.flatMap((file) => [
    ...whole.getSyntacticDiagnostics(file),
    ...whole.getSemanticDiagnostics(file),
  ])
  return faults.map(
    ({ file, messageText }) =>
      `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
  )
}

const isDeclared = (path: string) => path.includes('node_modules/antikythera/dist/')

test('a program elsewhere imports the package with its types, and the command knows its version', () => {
  const folder = installed()
  writeFileSync(join(folder, 'app.ts'), program)
  expect(faultsOf(folder)).toEqual([])
  const { outputText } = ts.transpileModule(program, {
    compilerOptions: { ...compilerOptions, module: ts.ModuleKind.ESNext },
  })
  writeFileSync(join(folder, 'app.js'), outputText)
  const ran = spawnSync(process.execPath, ['app.js'], { cwd: folder, encoding: 'utf8' })
  expect(ran.stderr).toBe('')
  expect(ran.stdout).toBe('CONNECTION_FAILED function function VERSION_UNKNOWN\n')
  const command = join(folder, 'node_modules/antikythera/deploy/bootstrap/antikythera.mjs')
  const version = spawnSync(process.execPath, [command, '--version'], { encoding: 'utf8' })
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  const home = join(folder, 'node_modules/antikythera')
  const readme = readFileSync(join(home, 'README.md'), 'utf8')
  const links = [...readme.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, link = '']) => link)
  const dead = links.filter((link) => !link.includes('://') && !existsSync(join(home, link)))
  expect([links.length > 20, dead]).toEqual([true, []])
  // The page is bundled apart from the rest.
  const page = 'node_modules/antikythera/dist/program/src/api/dashboard/page'
  expect(readdirSync(join(folder, page))).toContain('main.js')
})

test('every package that a program gets with it works on the oldest Node, and on each later one that is maintained', () => {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(real.root, name), 'utf8'))
  interface Locked {
    readonly dev?: boolean
    readonly engines?: { readonly node?: string }
    readonly cpu?: readonly string[]
  }
  const { packages } = read('package-lock.json') as {
    packages: Readonly<Record<string, Locked>>
  }
  const runsOn = (range: string, major: number) =>
    range.split('||').some((part) => {
      const [, sign, number] = /^\s*(>=|\^|)\s*v?(\d+)/.exec(part) ?? [undefined, '>=', '0']
      return sign === '>=' ? major >= Number(number) : major === Number(number)
    })
  // Node has ended 32 bits on Windows.
  const refusing = Object.entries(packages).filter(
    ([, { dev, cpu = [], engines }]) =>
      dev !== true &&
      !cpu.includes('ia32') &&
      ![20, 22, 24].every((major) => runsOn(engines?.node ?? '*', major)),
  )
  expect(refusing).toEqual([])
  // They hold in this checkout and for no program that installs the package.
  expect(read('package.json')).not.toHaveProperty('overrides')
})
