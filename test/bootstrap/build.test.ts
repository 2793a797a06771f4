import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildStep } from '../../deploy/bootstrap/build.mjs'
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
  expect(await setUp([buildStep], checkout)).toEqual([buildStep.name])
  expect(existsSync(built)).toBe(true)
  expect(await setUp([buildStep], checkout)).toEqual([])

  checkout.write('src/wheel.ts', 'export const wheel = 1\n')
  rmSync(join(checkout.places.root, 'src', 'gear.ts'))
  expect(await setUp([buildStep], checkout)).toEqual([buildStep.name])
  expect(existsSync(built)).toBe(false)
})

test('a source that does not compile is SETUP_BUILD_FAILED with the message of the compiler', async () => {
  const checkout = sourceCheckout()
  checkout.write('src/gear.ts', 'export const teeth: number = "many"\n')
  await expect(setUp([buildStep], checkout)).rejects.toMatchObject({ code: 'SETUP_BUILD_FAILED' })
  expect(checkout.said.join('\n')).toContain('TS2322')
})

test('every command of `npm run build` is run, and again when the page changes', async () => {
  const checkout = sourceCheckout()
  const page = 'src/api/dashboard/page/main.tsx'
  const scripts = {
    build: `esbuild ${page} --bundle --outfile=dist/one.js && esbuild dist/one.js --outfile=dist/page.js`,
  }
  checkout.write('package.json', JSON.stringify({ scripts }))
  checkout.write(page, 'export const first = 1\n')
  expect(await setUp([buildStep], checkout)).toEqual([buildStep.name])
  const built = join(checkout.places.dist, 'page.js')
  expect(readFileSync(built, 'utf8')).toContain('first')
  checkout.write(page, 'export const second = 2 + 2\n')
  expect(await setUp([buildStep], checkout)).toEqual([buildStep.name])
  expect(readFileSync(built, 'utf8')).toContain('second')
})
