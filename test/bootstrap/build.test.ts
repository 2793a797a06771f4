import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { modulesStep, programsStep } from '../../deploy/bootstrap/build.mjs'
import { programsOf } from '../../deploy/bootstrap/programs.mjs'
import { setUp } from '../../deploy/bootstrap/set-up.mjs'
import { makeCheckout, real, type Checkout } from './checkout.ts'

const OPTIONS = {
  target: 'es2022',
  module: 'nodenext',
  rootDir: '.',
  outDir: 'dist',
  // To check the library of browsers takes longer than everything else.
  lib: ['es2022'],
  skipLibCheck: true,
  types: [],
  strict: true,
}

function sourceCheckout(): Checkout {
  const checkout = makeCheckout()
  mkdirSync(checkout.places.nodeModules)
  for (const name of ['.bin', 'typescript', 'esbuild', '@esbuild'])
    symlinkSync(join(real.nodeModules, name), join(checkout.places.nodeModules, name))
  checkout.write('package.json', JSON.stringify({ scripts: { build: 'tsc -p tsconfig.json' } }))
  checkout.write(
    'tsconfig.json',
    JSON.stringify({ compilerOptions: OPTIONS, include: ['src/**/*.ts'] }),
  )
  checkout.write('package-lock.json', '{}')
  checkout.write('src/gear.ts', 'export const teeth: number = 53\n')
  return checkout
}

test('only a changed source is built again, and a deleted one leaves dist', async () => {
  const checkout = sourceCheckout()
  const built = join(checkout.places.dist, 'src', 'gear.js')
  expect(await setUp([modulesStep], checkout)).toEqual([modulesStep.name])
  expect(existsSync(built)).toBe(true)
  expect(await setUp([modulesStep], checkout)).toEqual([])

  checkout.write('src/wheel.ts', 'export const wheel = 1\n')
  rmSync(join(checkout.places.root, 'src', 'gear.ts'))
  expect(await setUp([modulesStep], checkout)).toEqual([modulesStep.name])
  expect(existsSync(built)).toBe(false)
})

test('a source that does not compile is SETUP_BUILD_FAILED with the message of the compiler', async () => {
  const checkout = sourceCheckout()
  checkout.write('src/gear.ts', 'export const teeth: number = "many"\n')
  await expect(setUp([modulesStep], checkout)).rejects.toMatchObject({ code: 'SETUP_BUILD_FAILED' })
  expect(checkout.said.join('\n')).toContain('TS2322')
})

/** Real programs are bundled as `npm run build` says it, from sources of our own. */
function programCheckout(): Checkout {
  const checkout = sourceCheckout()
  const bundler = join(real.root, 'deploy/bootstrap/bundle.mjs')
  const scripts = { build: `node ${bundler} && tsc -p tsconfig.json` }
  const exports = {
    '.': { default: './dist/program/src/gear.js' },
    './package.json': './package.json',
  }
  checkout.write('package.json', JSON.stringify({ type: 'module', scripts, exports }))
  checkout.write(
    'src/gear.ts',
    "import { Tooth } from './tooth.ts'\nconst start = () => entryUrl('src/wheel.ts')\nexport { start, Tooth }\n",
  )
  checkout.write('src/tooth.ts', 'export class Tooth {}\n')
  checkout.write('src/wheel.ts', "export { Tooth } from './tooth.ts'\n")
  return checkout
}

const programsIn = ({ places }: Checkout) =>
  readdirSync(join(places.dist, 'program'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.js'))
    .sort()

test('what is exported and what the code starts becomes a program, without a compiler, and all share their classes', async () => {
  const checkout = programCheckout()
  expect(await setUp([programsStep], checkout)).toEqual([programsStep.name])
  const [chunk, ...programs] = programsIn(checkout)
  expect(chunk).toMatch(/^chunks/)
  expect(programs).toEqual(['src/gear.js', 'src/wheel.js'])
  expect(existsSync(join(checkout.places.dist, 'src'))).toBe(false)
  const [gear, wheel] = (await Promise.all(
    programs.map((path) => import(join(checkout.places.dist, 'program', path))),
  )) as [{ Tooth: unknown }, { Tooth: unknown }]
  expect(gear.Tooth).toBe(wheel.Tooth)
  expect(await setUp([programsStep], checkout)).toEqual([])
})

test('a changed source leaves no old chunk, and a deleted program is gone', async () => {
  const checkout = programCheckout()
  await setUp([programsStep], checkout)
  const before = programsIn(checkout)
  checkout.write('src/tooth.ts', 'export class Tooth { readonly size = 2 }\n')
  await setUp([programsStep], checkout)
  const after = programsIn(checkout)
  expect(after).toHaveLength(before.length)
  expect(after[0]).not.toBe(before[0])
  rmSync(join(checkout.places.root, 'src/wheel.ts'))
  checkout.write('src/gear.ts', 'export const teeth = 53\n')
  await setUp([programsStep], checkout)
  expect(programsIn(checkout)).toEqual(['src/gear.js'])
})

test('a program that cannot be bundled is SETUP_BUILD_FAILED with the place', async () => {
  const checkout = programCheckout()
  checkout.write('src/gear.ts', "export { none } from './none.ts'\n")
  await expect(setUp([programsStep], checkout)).rejects.toMatchObject({
    code: 'SETUP_BUILD_FAILED',
  })
  expect(checkout.said.join('\n')).toMatch(/src\/gear\.ts:1:\d+/)
})

test('the programs of this checkout are those of its threads and processes, its page, and what it exports', () => {
  expect(programsOf(real.root)).toEqual(
    expect.arrayContaining([
      'src/antikythera.ts',
      'src/api/dashboard/page/main.tsx',
      'src/cli/main.ts',
      'src/nn/onnx/worker.ts',
      'src/trainer/process/process.ts',
    ]),
  )
})
