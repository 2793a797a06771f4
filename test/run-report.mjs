/**
 * A vitest reporter that writes for run.mjs the outcome of each file, with what vitest itself does not print: why a test was
 * skipped, and which file was cut short when its process died.
 */
import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'

// vitest loads reporters by their default export.
export default class RunReport {
  onTestRunEnd(testModules, unhandledErrors) {
    const files = testModules.map(outcomeOf)
    const byPath = new Map(files.map((file) => [file.path, file]))
    let unattributed = 0
    for (const error of unhandledErrors) {
      const file = byPath.get(pathOf(error.VITEST_TEST_PATH ?? ''))
      const name = error.VITEST_TEST_NAME ?? '(unhandled error)'
      if (file === undefined) unattributed += isDeath(error) && diesIn(files) ? 0 : 1
      else file.failed.push({ name, message: firstLine([error]) })
    }
    const report = { files, unattributed }
    writeFileSync(process.env.ANTIKYTHERA_TEST_REPORT, JSON.stringify(report))
  }
}

/** vitest reports the end of a process without its file, which is then one that was cut short. */
function isDeath(error) {
  return /worker exited unexpectedly|worker.*terminated/i.test(
    `${error.message} ${error.cause?.message ?? ''}`,
  )
}

function diesIn(files) {
  return files.some((file) => file.cutShort)
}

function outcomeOf(module) {
  const tests = [...module.children.allTests()]
  const inState = (state) => tests.filter((test) => test.result().state === state)
  const failed = inState('failed').map((test) => ({
    name: test.fullName,
    message: firstLine(test.result().errors),
  }))
  // A module or a suite may fail without a failed test: it does not compile, or its hook threw.
  if (module.state() === 'failed' && failed.length === 0)
    failed.push({ name: '(the file)', message: firstLine(module.errors()) })
  return {
    path: pathOf(module.moduleId),
    passed: inState('passed').length,
    failed,
    skipped: inState('skipped').filter(isNotFilteredOut).map(describe),
    durationMs: Math.round(module.diagnostic().duration),
    ...(isCutShort(module) && { cutShort: { at: cutShortAt(tests) } }),
  }
}

function pathOf(moduleId) {
  return relative(process.cwd(), moduleId)
}

function firstLine(errors) {
  return (errors?.[0]?.message ?? 'no reason given').split('\n', 1)[0].slice(0, 200)
}

function isCutShort(module) {
  return module.state() === 'pending' || module.state() === 'queued'
}

function cutShortAt(tests) {
  const first = tests.find((test) => test.result().state === 'pending')
  return first === undefined ? '' : ` > ${first.fullName}`
}

/** With `-t pattern` or `.only`, the rest is left out on purpose. */
function isNotFilteredOut(test) {
  return !(
    test.project.config.testNamePattern && !test.project.config.testNamePattern.test(test.fullName)
  )
}

function describe(test) {
  const { moduleId } = test.module
  const reason =
    test.result().note ?? (test.options.mode === 'todo' ? 'not written yet' : undefined)
  return {
    name: `${relative(process.cwd(), moduleId)} > ${test.fullName}`,
    reason: reason ?? 'no reason given: use context.skip(reason)',
  }
}
