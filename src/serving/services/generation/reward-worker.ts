/** The program of a thread in which a user's program says what answers are worth. */
import { parentPort, workerData } from 'node:worker_threads'
import type { JudgedAnswer } from '../../live/contract.ts'
import type { JudgedReply, RewardThreadReply } from './reward-program.ts'

type Judge = (facts: JudgedAnswer) => unknown

const reply = (message: RewardThreadReply) => parentPort?.postMessage(message)

function judgeIn(module: Readonly<Record<string, unknown>>): Judge {
  const { default: judge } = module
  if (typeof judge === 'function') return judge as Judge
  throw new Error('its default export is no function of { input, answer }')
}

async function worthOf(judge: Judge, facts: JudgedAnswer): Promise<JudgedReply> {
  try {
    const reward = await judge(facts)
    if (typeof reward === 'number' && reward >= 0 && reward <= 1) return { reward: reward + 0 }
    const what = typeof reward === 'number' ? String(reward) : typeof reward
    return { fault: `it returned ${what}, not a number from 0 to 1` }
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) }
  }
}

const judge = judgeIn((await import(workerData as string)) as Readonly<Record<string, unknown>>)
reply('ready')
parentPort?.on('message', ({ id, facts }: { id: number; facts: readonly JudgedAnswer[] }) => {
  void Promise.all(facts.map(async (each) => worthOf(judge, each))).then((replies) =>
    reply({ id, replies }),
  )
})
