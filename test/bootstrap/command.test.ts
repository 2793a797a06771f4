import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeCheckout, real } from './checkout.ts'

function run(
  path: string,
  args: string[],
  env: NodeJS.ProcessEnv = {},
): { code: number | null; text: string; out: string } {
  const result = spawnSync(process.execPath, [path, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  return { code: result.status, text: result.stdout + result.stderr, out: result.stdout }
}

test.each(['--fast', '--toString'])(
  'the unknown flag %s is refused with the known ones',
  (flag) => {
    const { code, text } = run(join(real.root, 'deploy/bootstrap/main.mjs'), [flag])
    expect(code).toBe(1)
    expect(text).toMatch(/SETUP_BAD_FLAG.*--\w+[^]*--quiet, --programs, --tests, --services, --all/)
    expect(text).toContain(flag)
  },
)

test('the command runs the built program with its arguments, and says how to build a missing one', () => {
  const { places, write } = makeCheckout()
  mkdirSync(join(places.root, 'deploy/bootstrap'), { recursive: true })
  const command = join(places.root, 'deploy/bootstrap/antikythera.mjs')
  copyFileSync(join(real.root, 'deploy/bootstrap/antikythera.mjs'), command)
  expect(run(command, ['doctor'])).toMatchObject({
    code: 78,
    text: expect.stringContaining('npm run setup') as string,
  })
  write('dist/package.json', '{"type":"module"}')
  write('dist/program/src/cli/main.js', 'console.log(process.argv.slice(1).join(" "))')
  expect(run(command, ['doctor', '--json']).text).toMatch(/main\.js doctor --json/)
})

/** A checkout with the real runner and one test file. */
function runnerOf(testFile: string): string {
  const { places, write } = makeCheckout()
  symlinkSync(real.nodeModules, places.nodeModules)
  for (const name of ['run.mjs', 'run-report.mjs']) {
    write(`test/${name}`, '')
    copyFileSync(join(real.root, 'test', name), join(places.root, 'test', name))
  }
  write('test/gear.test.ts', testFile)
  return join(places.root, 'test/run.mjs')
}

test('a skipped test is named with its reason, and counts as failed in CI', () => {
  const runner = runnerOf(
    `import { test } from 'vitest'
     test('turns', () => {})
     test('meshes', (context) => context.skip('there is no second gear'))`,
  )
  const inCi = run(runner, [], { CI: 'true' })
  expect(inCi.code).toBe(1)
  expect(inCi.text).toMatch(
    /1 SKIPPED[^]*meshes[^]*there is no second gear[^]*\n1 passed, 1 failed\n$/,
  )
  expect(run(runner, [], { CI: '' }).text).toMatch(/\n1 passed, 0 failed\n$/)
})

test('a test that needs an instruction this processor lacks is named, and does not fail in CI', () => {
  const runner = runnerOf(
    `import { test } from 'vitest'
     test('turns', () => {})
     test('meshes', (context) => context.skip('this processor lacks a third hand'))`,
  )
  const { code, text } = run(runner, [], { CI: 'true' })
  expect(text).toMatch(
    /1 SKIPPED\. CI=true: 0 of them[^]*meshes[^]*lacks a third hand[^]*\n1 passed, 0 failed\n$/,
  )
  expect(code).toBe(0)
})

/** Fails, or ends its process, in the first run; passes in the second. */
const onceOnly = (fault: string) => `
  import { existsSync, writeFileSync } from 'node:fs'
  import { test } from 'vitest'
  test('turns', () => {})
  test('meshes', () => {
    if (existsSync('second')) return
    writeFileSync('second', '')
    ${fault}
  })`

test('a test that fails and then passes alone is named as flaky, and the run is green', () => {
  const { code, out } = run(runnerOf(onceOnly("throw new Error('a tooth is missing')")), [])
  expect(out).toMatch(
    /flaky: test\/gear\.test\.ts › meshes: failed \(a tooth is missing\), then passed alone\n\n2 passed, 0 failed\n$/,
  )
  expect(code).toBe(0)
})

test('a test file whose process dies is run once more', () => {
  const { code, out } = run(runnerOf(onceOnly("process.kill(process.pid, 'SIGKILL')")), [])
  expect(out).toMatch(
    /flaky: test\/gear\.test\.ts › [^]*then passed alone\n\n2 passed, 0 failed\n$/,
  )
  expect(code).toBe(0)
})

test('an error that nobody caught is red when it comes twice', () => {
  const uncaught = `
    import { test } from 'vitest'
    test('turns', async () => {
      void Promise.reject(new Error('a loose tooth'))
      await new Promise((resolve) => setTimeout(resolve, 20))
    })`
  const { code, out } = run(runnerOf(uncaught), [])
  expect(out).toMatch(/once more, alone[^]*\n1 passed, 1 failed\n$/)
  expect(code).toBe(1)
})

test('a test that fails twice is red', () => {
  const twice = `import { test } from 'vitest'
    test('turns', () => {})
    test('meshes', () => { throw new Error('a tooth is missing') })`
  const { code, out } = run(runnerOf(twice), [])
  expect(out).toMatch(/once more, alone[^]*\n1 passed, 1 failed\n$/)
  expect(out).not.toMatch(/flaky:/)
  expect(code).toBe(1)
})
