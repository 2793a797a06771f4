/** The times during which a version was live, and the moves that began and ended them. */
import { modelPath, type Client, type JsonObject } from './client.ts'

/** A move under which the version was live. */
interface VersionMove {
  readonly generation: number
  readonly since: string
  /** Absent: it is live. */
  readonly until?: string
  readonly by: string
  readonly actor?: string
  readonly reason: string
  /** The move that ended it, where another version followed. */
  readonly ended?: { readonly by: string; readonly actor?: string; readonly reason: string }
}

/** The newest are shown: a version that was on trial or paused has many. */
const MOST = 10

export async function movesOf(
  client: Client,
  model: string,
  version: string,
): Promise<readonly VersionMove[]> {
  const path = modelPath(model, 'history')
  const query = new URLSearchParams({ version, limit: String(MOST) })
  const { moves } = await client.get(`${path}?${query.toString()}`)
  const found: VersionMove[] = []
  for (const move of moves as unknown as readonly VersionMove[])
    found.push({ ...move, ...(await endOf(client, path, version, move)) })
  return found
}

async function endOf(
  client: Client,
  path: string,
  version: string,
  { generation, until }: VersionMove,
): Promise<Pick<VersionMove, 'ended'>> {
  if (until === undefined) return {}
  const { moves } = await client.get(`${path}?before=${generation + 2}&limit=1`)
  const [next] = moves as readonly JsonObject[]
  if (next === undefined || next.version === version) return {}
  return { ended: next as unknown as NonNullable<VersionMove['ended']> }
}

export function moveLines(version: string, moves: readonly VersionMove[]): string[] {
  if (moves.length === 0) return []
  const lines = moves.flatMap(({ generation, since, until = 'now', ended, ...move }) => [
    `  move ${generation}, from ${since} to ${until}: ${why(move)}`,
    ...(ended === undefined ? [] : [`    ended by ${why(ended)}`]),
  ])
  return ['', `when ${version} was live, newest first:`, ...lines]
}

function why({ by, actor, reason }: Pick<VersionMove, 'by' | 'actor' | 'reason'>): string {
  return `${actor === undefined ? by : `${by} (${actor})`}: ${reason}`
}
