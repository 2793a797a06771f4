/** A holder whose whole process is stopped past its lease, and goes on writing when it continues: real processes. */
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startChild } from '../child.ts'
import { ask, needsRedis, redisForTest } from '../services/redis.ts'

const LEASE_MS = 300
const ROUNDS = process.env.ANTIKYTHERA_FAULTS === 'full' ? 100 : 5

/** A child with what it has said so far, and a way to wait for what it says. */
interface Holder {
  readonly child: ChildProcess
  readonly lines: string[]
  says(pattern: RegExp): Promise<RegExpExecArray>
  holdsAfter(epoch: number): Promise<void>
}

function startHolder(port: number, name: string): Holder {
  const child = startChild(
    './stopped-holder.child.mjs',
    import.meta.url,
    `${port}`,
    name,
    `${LEASE_MS}`,
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  const told = new Set<() => void>()
  createInterface({ input: child.stdout! }).on('line', (line) => {
    lines.push(line)
    for (const tell of told) tell()
    told.clear()
  })
  const until = async <Found>(find: () => Found | null | undefined): Promise<Found> => {
    for (;;) {
      const found = find()
      if (found !== null && found !== undefined) return found
      await new Promise<void>((resolve) => told.add(resolve))
    }
  }
  const says = (pattern: RegExp) => until(() => pattern.exec(lines.join('\n')))
  const isLater = (line: string, epoch: number) =>
    line.startsWith('held') && Number(line.slice(5)) > epoch
  const holdsAfter = async (epoch: number) => {
    await until(() => lines.find((line) => isLater(line, epoch)))
  }
  return { child, lines, says, holdsAfter }
}

test(
  `stopped past its lease and continued, ${ROUNDS} times: every late write is refused`,
  { timeout: 90_000 + ROUNDS * 4000 },
  async (context) => {
    needsRedis(context)
    const server = await redisForTest()
    const holders = [startHolder(server.port, 'a'), startHolder(server.port, 'b')]
    /** Once a write under an epoch after `last` is in the log, whose it is: stopped before, it would have none to refuse. */
    const writerAfter = async (last: number) => {
      const newest = () => ask(server.url, (redis) => redis.lindex('test:{m}:log', -1))
      const writer = async () => {
        const epoch = Number(await newest())
        const holder = holders.find(({ lines }) => lines.includes(`held ${String(epoch)}`))
        return epoch > last && holder ? { epoch, holder } : undefined
      }
      return vi.waitUntil(writer, { timeout: 30_000, interval: 5 })
    }
    /** Where in the log its last write is. */
    const lastOf = (epoch: number) =>
      ask(server.url, (redis) => redis.lpos('test:{m}:log', String(epoch), 'RANK', -1))
    let epoch = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      const writing = await writerAfter(epoch)
      epoch = writing.epoch
      const { holder } = writing
      const other = holders.find((each) => each !== holder)!
      holder.child.kill('SIGSTOP')
      await other.holdsAfter(epoch)
      const last = await lastOf(epoch)
      holder.child.kill('SIGCONT')
      // It knows by itself, and no write of it came through from the moment that it continued.
      const [, isInDoubt] = await holder.says(new RegExp(`over ${String(epoch)} (\\w+)`))
      expect(isInDoubt).toBe('true')
      expect(await lastOf(epoch)).toBe(last)
    }
    await writerAfter(epoch)
    const log = (await ask(server.url, (redis) => redis.lrange('test:{m}:log', 0, -1))).map(Number)
    expect(log.length).toBeGreaterThan(ROUNDS)
    expect(log.every((epoch, at) => at === 0 || epoch >= log[at - 1]!)).toBe(true)
    expect(new Set(log).size).toBeGreaterThan(ROUNDS)
  },
)
