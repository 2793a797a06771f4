import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { SETUP_ERRORS, SetupError } from '../../deploy/bootstrap/errors.mjs'
import { modulesStep } from '../../deploy/bootstrap/build.mjs'
import { takeLock } from '../../deploy/bootstrap/lock.mjs'
import { KAFKA_VERSION, kafkaJars } from '../../deploy/bootstrap/maven.mjs'
import { nativeStep } from '../../deploy/bootstrap/native.mjs'
import { npmStep } from '../../deploy/bootstrap/npm-packages.mjs'
import { PEFT_VERSION, peftPython } from '../../deploy/bootstrap/peft.mjs'
import { motoPython, motoStep } from '../../deploy/bootstrap/python-venv.mjs'
import { setUp, type Step } from '../../deploy/bootstrap/set-up.mjs'
import { STEPS, stepsFor } from '../../deploy/bootstrap/steps.mjs'
import { kafkaJars as jarsOfTheDaemon } from '../../src/cli/services/kafka-java.ts'
import { makeCheckout, real, type Checkout } from './checkout.ts'

/** A step whose result is one file. */
function fileStep(name: string, act: () => void = () => undefined): Step {
  return {
    name,
    done: ({ places }) => existsSync(join(places.root, name)),
    run({ places }) {
      act()
      writeFileSync(join(places.root, name), '')
    },
  }
}

test('a checkout gets our own optional packages; those of other platforms may be absent', () => {
  const checkout = makeCheckout()
  const [ours, others] = [{ version: '1.0.0' }, { version: '2.0.0' }]
  const install = (packages: Readonly<Record<string, object>>) => {
    checkout.write('node_modules/.package-lock.json', JSON.stringify({ packages }))
    return npmStep.done(checkout)
  }
  const packages = {
    '': { optionalDependencies: { ours: '1' } },
    'node_modules/ours': { ...ours, optional: true },
    'node_modules/others': { ...others, optional: true },
  }
  checkout.write('package-lock.json', JSON.stringify({ packages }))
  expect(install({ 'node_modules/others': others })).toBe(false)
  expect(install({ 'node_modules/ours': ours })).toBe(true)
})

test('the second run does nothing and says nothing', async () => {
  const checkout = makeCheckout()
  const steps = [fileStep('one'), fileStep('two')]
  expect(await setUp(steps, checkout)).toEqual(['one', 'two'])
  checkout.said.length = 0
  expect(await setUp(steps, checkout)).toEqual([])
  expect(checkout.said).toEqual([])
})

test('a failed step keeps those before it, and the next run begins with the one that failed', async () => {
  const checkout = makeCheckout()
  let broken = true
  const fragile = fileStep('two', () => {
    if (broken) throw new SetupError('SETUP_NPM_FAILED', 'exit code 1')
  })
  await expect(setUp([fileStep('one'), fragile], checkout)).rejects.toMatchObject({
    code: 'SETUP_NPM_FAILED',
  })
  broken = false
  expect(await setUp([fileStep('one'), fragile], checkout)).toEqual(['two'])
})

test.each([
  ['SETUP_DISK_FULL', Object.assign(new Error('write'), { code: 'ENOSPC' })],
  ['SETUP_NOT_WRITABLE', Object.assign(new Error('open'), { code: 'EACCES' })],
  ['SETUP_UNEXPECTED', new TypeError('x is not a function')],
])('a step that throws is reported as %s with the name of the step', async (code, error) => {
  const step = fileStep('one', () => {
    throw error
  })
  const failure = setUp([step], makeCheckout())
  await expect(failure).rejects.toMatchObject({
    code,
    message: expect.stringContaining('one') as string,
  })
})

test('a step that ends without its result is an error, not a silent repetition at each start', async () => {
  const step: Step = { name: 'idle', done: () => false, run: () => undefined }
  await expect(setUp([step], makeCheckout())).rejects.toMatchObject({
    code: 'SETUP_STEP_UNFINISHED',
  })
})

test('a set-up that was killed in the middle of a step is resumed by the next one', async () => {
  const checkout = makeCheckout()
  await killMidway(checkout)
  expect(existsSync(join(checkout.places.root, 'one'))).toBe(true)
  expect(existsSync(join(checkout.places.cache, 'set-up.lock'))).toBe(true)
  const slow: Step = { ...fileStep('slow'), run: ({ places }) => finish(places.root) }
  expect(await setUp([fileStep('one'), slow], checkout)).toEqual(['slow'])
})

/** `slow` writes under a temporary name and never comes to the rename. */
async function killMidway({ places }: Checkout): Promise<void> {
  const program = `
    import { existsSync, writeFileSync } from 'node:fs'
    import { setUp } from ${JSON.stringify(join(real.root, 'deploy/bootstrap/set-up.mjs'))}
    import { places } from ${JSON.stringify(join(real.root, 'deploy/bootstrap/places.mjs'))}
    const at = (name) => ${JSON.stringify(places.root)} + '/' + name
    const quiet = { say() {}, begin() {}, doing() {}, end() {} }
    await setUp([
      { name: 'one', done: () => existsSync(at('one')), run: () => writeFileSync(at('one'), '') },
      { name: 'slow', done: () => existsSync(at('slow')), run() {
        writeFileSync(at('slow.tmp'), 'half')
        console.log('midway')
        return new Promise((resolve) => setTimeout(resolve, 60_000))
      } },
    ], { places: places({ root: at('') }), progress: quiet })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { env: places.env })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.kill('SIGKILL')
  await ended
}

function finish(root: string): void {
  writeFileSync(join(root, 'slow.tmp'), 'whole')
  renameSync(join(root, 'slow.tmp'), join(root, 'slow'))
}

test('two set-ups at once run each step once', async () => {
  const checkout = makeCheckout()
  let runs = 0
  const step: Step = {
    ...fileStep('one'),
    async run({ places }) {
      runs += 1
      await new Promise((resolve) => setTimeout(resolve, 50))
      writeFileSync(join(places.root, 'one'), '')
    },
  }
  await Promise.all([setUp([step], checkout), setUp([step], checkout)])
  expect(runs).toBe(1)
})

test('steps of another lock do not wait for those of this one', async () => {
  const checkout = makeCheckout()
  const held = await takeLock(join(checkout.places.cache, 'set-up.lock'))
  const step = { ...fileStep('beside'), lock: 'downloads' }
  expect(await setUp([step], checkout)).toEqual(['beside'])
  held.release()
})

test('a live holder keeps the lock, a silent one loses it', async () => {
  const path = join(makeCheckout().places.cache, 'set-up.lock')
  const held = await takeLock(path)
  await expect(takeLock(path, { waitMs: 0 })).rejects.toMatchObject({ code: 'SETUP_LOCKED' })
  const longAgo = new Date(Date.now() - 120_000)
  utimesSync(path, longAgo, longAgo)
  const taken = await takeLock(path, { waitMs: 0 })
  held.release()
  expect(existsSync(path)).toBe(true)
  taken.release()
  expect(existsSync(path)).toBe(false)
})

test('every error ends with something to do', () => {
  for (const { fix } of Object.values(SETUP_ERRORS)) expect(fix.length).toBeGreaterThan(20)
})

test('services are installed for CI only', () => {
  const names = (flags: Parameters<typeof stepsFor>[0]): string =>
    stepsFor(flags)
      .map(({ name }) => name)
      .join()
  expect(stepsFor({ all: true })).toHaveLength(STEPS.length)
  expect(names({ tests: true })).not.toMatch(/Debian|Kafka|PEFT/)
  expect(names({ services: true })).toContain('Kafka')
  expect(names({ services: true })).not.toMatch(/Debian|PEFT/)
  const [tests, downloads] = [stepsFor({ tests: true }), stepsFor({ downloads: true })]
  expect([...tests, ...downloads]).toEqual(stepsFor({ all: true }))
})

test('who only starts the programs waits for no compiler; tests and a whole set-up get the modules too', () => {
  const hasModules = (flags: Parameters<typeof stepsFor>[0]) =>
    stepsFor(flags).includes(STEPS.find(({ name }) => name === modulesStep.name)!)
  expect(hasModules({ programs: true, services: true })).toBe(false)
  expect([{}, { tests: true }, { programs: true, tests: true }].map(hasModules)).toEqual([
    true,
    true,
    true,
  ])
  expect(stepsFor({}, { isCheckout: false }).map(({ name }) => name)).toEqual([nativeStep.name])
})

test('what pip says of a failure is shown, and the next run makes the environment whole', async () => {
  const { places, progress, said, write } = makeCheckout()
  const broken = join(places.root, 'broken')
  write(
    'bin/python3',
    `#!/bin/sh
     [ "$2" = venv ] && mkdir -p "$3/bin" && cp "$0" "$3/bin/python"
     [ "$2" != pip ] || [ ! -e '${broken}' ] || { echo 'ERROR: No matching distribution'; exit 1; }`,
  )
  chmodSync(join(places.root, 'bin/python3'), 0o755)
  const PATH = `${join(places.root, 'bin')}:${places.env.PATH ?? ''}`
  const context = { progress, places: { ...places, env: { ...places.env, PATH } } }
  write('broken', '')
  await expect(setUp([motoStep], context)).rejects.toMatchObject({
    code: 'SETUP_PYTHON_FAILED',
    message: expect.stringMatching(/moto-.*, pip install: ERROR: No matching/) as string,
  })
  expect(said.at(-1)).toBe('ERROR: No matching distribution')
  expect(motoPython(places)).toBeUndefined()
  rmSync(broken)
  await setUp([motoStep], context)
  expect(motoPython(places)).toContain(join(places.cache, 'moto-'))
})

test('the real PEFT is there only when all of it is', () => {
  const { places } = makeCheckout()
  const bin = (folder: string) => join(places.cache, folder, 'bin')
  mkdirSync(bin(`peft-${PEFT_VERSION}.work`), { recursive: true })
  writeFileSync(join(bin(`peft-${PEFT_VERSION}.work`), 'python'), '')
  expect(peftPython(places)).toBeUndefined()
  renameSync(join(bin(`peft-${PEFT_VERSION}.work`), '..'), join(bin(`peft-${PEFT_VERSION}`), '..'))
  expect(peftPython(places)).toBe(join(bin(`peft-${PEFT_VERSION}`), 'python'))
})

test('the broker is there only when all of it is, and is looked for where the daemon looks', () => {
  const { places } = makeCheckout()
  mkdirSync(join(places.cache, `kafka-${KAFKA_VERSION}.work`, 'jars'), { recursive: true })
  expect(kafkaJars(places)).toBeUndefined()
  mkdirSync(join(places.cache, `kafka-${KAFKA_VERSION}`))
  expect(kafkaJars(places)).toBe(join(places.cache, basename(jarsOfTheDaemon())))
})
