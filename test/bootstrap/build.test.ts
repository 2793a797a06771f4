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
  symlinkSync(join(real.nodeModules, 'typescript'), join(checkout.places.nodeModules, 'typescript'))
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

test('the page is built with options of its own, and again when it changes', async () => {
  const checkout = sourceCheckout()
  const page = 'src/api/dashboard/page'
  const include = ['./*.tsx']
  const compilerOptions = { ...OPTIONS, rootDir: '../../../..', outDir: '../../../../dist' }
  checkout.write(`${page}/tsconfig.json`, JSON.stringify({ compilerOptions, include }))
  checkout.write(`${page}/main.tsx`, 'export const first = 1\n')
  expect(await setUp([buildStep], checkout)).toEqual([buildStep.name])
  const built = join(checkout.places.dist, page, 'main.js')
  expect(readFileSync(built, 'utf8')).toContain('first')
  checkout.write(`${page}/main.tsx`, 'export const second = 2 + 2\n')
  expect(await setUp([buildStep], checkout)).toEqual([buildStep.name])
  expect(readFileSync(built, 'utf8')).toContain('second')
})
