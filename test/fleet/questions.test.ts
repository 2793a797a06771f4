/** Questions to the other daemons of a fleet, over a real Redis: who answers, when asking ends, and what is bounded. */
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { openFleetQuestions, type FleetQuestionsOptions } from '../../src/fleet/questions.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openRedis } from '../../src/platform/redis/redis.ts'
import { rejection } from '../coded.ts'
import { ask as askRedis, needsRedis, redisForTest } from '../services/redis.ts'
import { silentLog } from '../trainer/world.ts'

beforeEach((context) => needsRedis(context))

interface Question {
  readonly of: string
}
interface Answer {
  readonly by: string
  readonly knows: boolean
}

/** `names`: the daemons; the ones of `silent` never answer. */
async function fleetOf(
  names: readonly string[],
  more: { readonly silent?: readonly string[]; readonly most?: number; readonly waitMs?: number },
) {
  const server = await redisForTest()
  const address = { host: '127.0.0.1', port: server.port }
  const options = { namespace: 'ns', address, commandMs: 10_000, connectMs: 10_000 }
  const asked: string[] = []
  const results: string[] = []
  const open = async (replica: string) => {
    const redis = await openRedis(options, { log: silentLog, clock: systemClock })
    const answer: FleetQuestionsOptions<Question, Answer>['answer'] = async ({ of }) => {
      asked.push(replica)
      if (more.silent?.includes(replica) === true) throw new Error('it hangs')
      return { by: replica, knows: of === replica }
    }
    const questions = openFleetQuestions<Question, Answer>({
      ...{ redis, replica, answer, clock: systemClock, log: silentLog },
      others: () => names.filter((name) => name !== replica),
      most: () => more.most ?? 10,
      waitMs: more.waitMs ?? 60_000,
      onAsked: (result) => results.push(result),
    })
    onTestFinished(() => {
      questions.close()
      redis.close()
    })
    return questions
  }
  const daemons = await Promise.all(names.map(open))
  const isHeard = async () =>
    askRedis(server.url, async (redis) => {
      const [, count] = (await redis.call('PUBSUB', 'NUMSUB', 'ns:{fleet}:questions')) as [
        string,
        number,
      ]
      return count === names.length
    })
  while (!(await isHeard())) await systemClock.sleep(5)
  return { daemons, asked, results, server }
}

test('every other daemon answers once; asking ends when all have answered, or at the first that knows', async () => {
  const { daemons, asked, results } = await fleetOf(['a', 'b', 'c'], {})
  const knows = ({ knows }: Answer) => knows
  const none = await daemons[0]!.ask({ of: 'nothing' }, knows)
  expect(none.map(({ by }) => by).sort()).toEqual(['b', 'c'])
  expect(asked.sort()).toEqual(['b', 'c'])
  const answers = await daemons[1]!.ask({ of: 'c' }, knows)
  expect(answers.filter(knows)).toEqual([{ by: 'c', knows: true }])
  expect(results).toEqual(['answered', 'answered'])
})

test('a daemon that does not answer holds a question until its deadline; the others count', async () => {
  const { daemons, results } = await fleetOf(['a', 'b', 'c'], { silent: ['c'], waitMs: 300 })
  expect(await daemons[0]!.ask({ of: 'c' }, () => false)).toEqual([{ by: 'b', knows: false }])
  expect(results).toEqual(['silent'])
})

test('questions on their way are bounded, and a message that is none disturbs nothing', async () => {
  const { daemons, results, server } = await fleetOf(['a', 'b'], {
    ...{ silent: ['b'], most: 2, waitMs: 500 },
  })
  await askRedis(server.url, (redis) => redis.publish('ns:{fleet}:questions', '{no json'))
  await askRedis(server.url, (redis) => redis.publish('ns:{fleet}:answers:a', 'null'))
  const waiting = [1, 2].map(async () => daemons[0]!.ask({ of: 'b' }, () => true))
  expect((await rejection(daemons[0]!.ask({ of: 'b' }, () => true))).code).toBe('TRAINER_BUSY')
  expect(await Promise.all(waiting)).toEqual([[], []])
  expect(results).toEqual(['refused', 'silent', 'silent'])
})
