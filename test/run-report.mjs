/**
 * A vitest reporter that leaves for run.mjs what vitest itself does not tell: why a test was skipped, and which file was cut
 * short when its process died.
 */
import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'

// vitest loads reporters by their default export.
export default class RunReport {
  onTestRunEnd(testModules, unhandledErrors) {
    const tests = testModules.flatMap((module) => [...module.children.allTests()])
    const inState = (state) => tests.filter((test) => test.result().state === state)
    // A module or a suite may fail without a failed test: it does not compile, or its hook threw.
    const broken = testModules.filter(
      (module) => module.state() === 'failed' && ![...module.children.allTests('failed')].length,
    )
    const report = {
      passed: inState('passed').length,
      failed: inState('failed').length + broken.length + unhandledErrors.length,
      skipped: inState('skipped').filter(isNotFilteredOut).map(describe),
      cutShort: testModules.filter(isCutShort).map(({ moduleId, children }) => {
        const first = [...children.allTests('pending')][0]?.fullName
        return `${relative(process.cwd(), moduleId)}${first === undefined ? '' : ` > ${first}`}`
      }),
    }
    writeFileSync(process.env.ANTIKYTHERA_TEST_REPORT, JSON.stringify(report))
  }
}

function isCutShort(module) {
  return module.state() === 'pending' || module.state() === 'queued'
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
    reason: reason ?? 'no reason given: use context.skip(reason), so that it can be told',
  }
}
