/**
 * Walks a table of steps in order and runs those that are not done. When everything is done it takes no lock, writes
 * nothing and says nothing: that is the everyday case and must cost a fraction of a second.
 *
 * A step is `{ name, when, lock, done(context), run(context) }`. `run` may be killed at any instant: it builds under a
 * temporary name and renames at the end, so that `done` is true only for a whole result. Steps of one lock run one after
 * the other; those of another lock may run beside them, in another process.
 */
import { join } from 'node:path'
import { SetupError, asSetupError } from './errors.mjs'
import { takeLock } from './lock.mjs'

/** @import { Places } from './places.mjs' */
/** @typedef {ReturnType<typeof import('./progress.mjs').createProgress>} Progress */
/**
 * `retry`: asked for by name, so that it also tries what could not be had the last time.
 * @typedef {{ readonly places: Places, readonly progress: Progress, readonly retry?: boolean }} SetUpContext
 */
/**
 * A string that `run` answers is printed as the result. Without a `lock` it is `set-up`.
 * @typedef {{
 *   readonly name: string, readonly when?: string, readonly lock?: string,
 *   done(context: SetUpContext): boolean,
 *   run(context: SetUpContext): string | void | Promise<string | void>,
 * }} Step
 */

/**
 * Answers the names of the steps that ran.
 * @param {readonly Step[]} steps
 * @param {SetUpContext} context
 * @returns {Promise<string[]>}
 */
export async function setUp(steps, context) {
  const ran = []
  for (const lock of new Set(steps.map(lockOf)))
    ran.push(
      ...(await setUpUnder(
        lock,
        steps.filter((step) => lockOf(step) === lock),
        context,
      )),
    )
  return ran
}

const lockOf = ({ lock = 'set-up' }) => lock

async function setUpUnder(name, steps, context) {
  const { places, progress } = context
  if (!steps.some((step) => isToDo(step, context))) return []
  const lock = await takeLock(join(places.cache, `${name}.lock`), {
    onWait: (holder) => progress.doing(`Waiting for another set-up: ${holder}`),
  }).catch((error) => {
    throw asSetupError(error, 'lock')
  })
  try {
    return await runAll(steps, context)
  } finally {
    lock.release()
  }
}

async function runAll(steps, context) {
  const ran = []
  for (const step of steps) {
    if (!isToDo(step, context)) continue
    context.progress.begin(`Set-up: ${step.name}`)
    await runOne(step, context)
    ran.push(step.name)
  }
  return ran
}

async function runOne(step, context) {
  let result
  try {
    result = await step.run(context)
  } catch (error) {
    throw asSetupError(error, step.name)
  }
  if (!step.done({ ...context, retry: false }))
    throw new SetupError('SETUP_STEP_UNFINISHED', step.name)
  context.progress.end(result ?? 'done')
}

function isToDo(step, context) {
  try {
    return !step.done(context)
  } catch (error) {
    throw asSetupError(error, step.name)
  }
}
