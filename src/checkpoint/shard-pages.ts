/** What the checkpoints of the shards of a model say together: events that are set aside, and requests to forget. */
import type { Certificate, ForgetPages } from './certificates.ts'
import type { ForgetTask } from './forgetting.ts'
import { invariant } from '../platform/errors.ts'
import type { SetAsidePages } from './set-aside-pages.ts'

/** Places of `count` shards in one order: those of each stay in theirs. */
export function jointSetAside(shards: readonly SetAsidePages[]): SetAsidePages {
  const { length: count } = shards
  return {
    page({ limit, before = Number.MAX_SAFE_INTEGER, quarantined }) {
      const pages = shards.map((shard, at) =>
        shard.page({ limit, before: Math.ceil((before - at) / count), quarantined }),
      )
      const found = pages.flatMap((page, at) =>
        page.found.map((each) => ({ ...each, at: each.at * count + at })),
      )
      return {
        count: pages.reduce((sum, page) => sum + page.count, 0),
        found: found.toSorted((one, other) => other.at - one.at).slice(0, limit),
      }
    },
    count: (selection) => shards.reduce((sum, shard) => sum + shard.count(selection), 0),
    // A shard counts its own moves.
    generation: () => Infinity,
  }
}

/** A request is done where every shard has done it; its certificate has those of all. */
export function jointForgetPages(shards: readonly ForgetPages[]): ForgetPages {
  const certificate = (request: string): Certificate | undefined => {
    const parts = shards
      .map((shard) => shard.certificate(request))
      .filter((part) => part !== undefined)
    const [first] = parts
    if (first === undefined || parts.length < shards.length) return undefined
    const { format = 1, asked = {}, requested_at = '', reason = '' } = first
    return { format, request, asked, requested_at, reason, shards: parts }
  }
  const requests = () => {
    const [first] = shards
    const newest = first?.certificates(MOST) ?? []
    return newest.flatMap(({ request }) => (typeof request === 'string' ? request : []))
  }
  const whole = () =>
    requests().flatMap((request): readonly Certificate[] => {
      const found = certificate(request)
      return found === undefined ? [] : [found]
    })
  return {
    tasks() {
      const tasks = shards.map((shard) => shard.tasks())
      const names = new Set(tasks.flat().map(({ asked }) => asked.request))
      return [...names].map((request) => {
        const own = tasks.flatMap(
          (each) => each.find(({ asked }) => asked.request === request) ?? [],
        )
        return jointTask(own, own.length === shards.length)
      })
    },
    certificates: (count) => whole().slice(0, count),
    certificate,
    count: () => whole().length,
  }
}

const MOST = 1000

/** As far as the last of them; `isSeen`: each shard has it. */
function jointTask(own: readonly ForgetTask[], isSeen: boolean): ForgetTask {
  const open = own.find(({ stage }) => stage !== 'done')
  const [first] = own
  const task = open ?? first
  invariant(task !== undefined, 'a request of one shard at least')
  const again = own.reduce((sum, each) => sum + each.again, 0)
  const stage = open === undefined && !isSeen ? 'rebuilding' : task.stage
  return { ...task, stage, again }
}
