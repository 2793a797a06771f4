/** The page: one model at a time, chosen by the address, live. */
import { render } from 'preact'
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type {
  Fleet,
  Model,
  Models,
  MovePage,
  PastMove,
  Quality,
  VersionPage,
} from '../../../client/answers.ts'
import { AuditPanel, FleetPanel } from './daemon.tsx'
import { Chart } from './chart.tsx'
import { modelPath, Refusal, send, setToken, textOf, token, useFresh, follow } from './client.tsx'
import { EvaluatePanel } from './evaluate.tsx'
import { MoveDialog, type Move } from './move.tsx'
import { OffPolicyPanel } from './off-policy.tsx'
import { QualityPanel } from './quality.tsx'
import { ReceiptPanel } from './receipt.tsx'
import { Summary } from './summary.tsx'
import { AsidePanel, LettersPanel, QuarantinePanel, ForgetPanel } from './left-out.tsx'
import type { Sample } from '../../../serving/services/series/contract.ts'
import { TryIt } from './try-it.tsx'
import { VersionsPanel, TrialPanel } from './versions.tsx'
import { WhyDialog } from './why.tsx'

/** How often to poll what the server does not push: other models, and the fleet. */
const ROUND_MS = 10_000
const SAID_MS = 8000
/** The server keeps fewer; this bounds a tab that is open for days. */
const MOST_SAMPLES = 2000

function App() {
  const { chosen, round } = useAddress()
  const models = useFresh<Models>('v1/models', round)
  const names = models.answer?.models.map(({ model }) => model) ?? []
  const name = names.includes(chosen) ? chosen : names[0]
  if (models.error instanceof Refusal && models.error.status === 401)
    return <TokenForm onToken={models.reload} />
  return (
    <>
      <header class="top">
        <h1>Antikythera</h1>
        <nav aria-label="Models">
          {names.map((each) => (
            <a
              key={each}
              href={`#${encodeURIComponent(each)}`}
              aria-current={each === name ? 'page' : undefined}
            >
              {each}
            </a>
          ))}
        </nav>
        <span class="links">
          <a href="docs">API</a> <a href="metrics">metrics</a>
          {token() !== '' && (
            <button
              class="link"
              onClick={() => {
                setToken('')
                models.reload()
              }}
            >
              forget key
            </button>
          )}
        </span>
      </header>
      {name === undefined ? (
        <main>
          <p role="status">{models.error === undefined ? 'Loading…' : textOf(models.error)}</p>
        </main>
      ) : (
        <ModelView
          key={name}
          name={name}
          listed={models.answer?.models.find(({ model }) => model === name)}
          round={round}
        />
      )}
    </>
  )
}

interface ModelViewProps {
  readonly name: string
  /** As the list of models has it, to show something at once. */
  readonly listed: Model | undefined
  readonly round: number
}

function ModelView({ name, listed, round }: ModelViewProps) {
  const { samples, lost } = useSamples(name)
  const [said, say] = useSaid()
  const [move, setMove] = useState<Move | undefined>()
  const [why, setWhy] = useState<string | undefined>()
  const last = samples.at(-1)
  const generation = last?.generation
  const [isLearning, setLearning] = useState(false)
  const second = useSeconds(isLearning)
  const model = useFresh<Model>(modelPath(name), `${last?.timeMs ?? ''} ${round} ${second}`)
  const shown = model.answer ?? listed
  useEffect(() => setLearning(shown?.trainer.learning !== undefined), [shown])
  const history = useFresh<MovePage>(modelPath(name, '/history'), generation)
  const [before, setBefore] = useState<readonly string[]>([])
  const from = before.at(-1)
  const versions = useFresh<VersionPage>(
    modelPath(name, `/versions?limit=10${from === undefined ? '' : `&before=${from}`}`),
    `${generation ?? ''} ${last?.count ?? ''}`,
  )
  // The page before stays until the next one is there.
  const page = useRef<VersionPage | undefined>(undefined)
  if (versions.answer !== undefined) page.current = versions.answer
  const isSettled = page.current !== undefined
  const quality = useFresh<Quality>(
    modelPath(name, '/quality'),
    // Its trainer may report for the first time while nothing is learned, and a little after a sample.
    `${last?.count ?? ''} ${shown?.quality === undefined} ${round}`,
  )
  const fleet = useFresh<Fleet>('v1/fleet', round)
  useAnnounced(history.answer?.moves[0], say)
  if (shown === undefined)
    return (
      <main>
        <p role="status">{model.error === undefined ? 'Loading…' : textOf(model.error)}</p>
      </main>
    )
  const { counts } = shown
  const pause = async (by: 'pause' | 'resume') => {
    try {
      await send('POST', modelPath(name, `/${by}`), { reason: 'from the page' })
      say(by === 'pause' ? 'Nothing is learned until you resume' : 'Learning goes on')
      model.reload()
    } catch (error) {
      say(textOf(error))
    }
  }
  return (
    <main>
      <Summary
        model={shown}
        quality={quality.answer}
        lost={lost}
        onRollBack={() => setMove({ kind: 'rollback' })}
        onPause={(by) => void pause(by)}
      />
      <Chart
        name={name}
        headline={shown.headline}
        score={shown.score.name}
        samples={samples}
        moves={history.answer?.moves ?? []}
        kinds={kindsOf(quality.answer)}
        isSettled={isSettled}
        onWhy={setWhy}
      />
      <div class="columns">
        <div>
          <TrialPanel model={shown} onMove={setMove} />
          <VersionsPanel
            page={page.current}
            before={before}
            live={shown.live}
            headline={shown.headline}
            onTurn={setBefore}
            onMove={setMove}
            onWhy={setWhy}
          />
          <OffPolicyPanel versions={page.current?.versions ?? []} />
          <QualityPanel
            quality={quality.answer}
            score={shown.score.name}
            error={quality.error}
            servedGap={shown.served?.parts?.slice_gap}
            summed={hasSums(page.current, shown.live?.version) ? name : undefined}
          />
        </div>
        <div>
          <TryIt model={shown} lost={lost} />
          <EvaluatePanel model={shown} />
          <QuarantinePanel name={name} count={counts.quarantined ?? 0} onDone={say} />
          <AsidePanel name={name} count={counts.set_aside ?? 0} onDone={say} />
          <LettersPanel name={name} count={counts.rejected} onDone={say} />
          <ReceiptPanel name={name} onWhy={setWhy} />
          <ForgetPanel
            {...{ name, round, now: last?.timeMs }}
            // Without a fleet there is no daemon to ask for what another one trains.
            isKnown={
              isSettled && (shown.trainer.state !== 'standby' || fleet.answer?.shared === true)
            }
          />
          <AuditPanel changed={`${generation ?? ''} ${said}`} />
          <FleetPanel fleet={fleet.answer} />
        </div>
      </div>
      {move !== undefined && (
        <MoveDialog
          name={name}
          move={move}
          live={shown.live}
          onClose={() => setMove(undefined)}
          onDone={(text) => {
            say(text)
            model.reload()
            history.reload()
            versions.reload()
          }}
        />
      )}
      {why !== undefined && (
        <WhyDialog
          name={name}
          version={why}
          model={shown}
          onMove={(next) => {
            setWhy(undefined)
            setMove(next)
          }}
          moves={history.answer?.moves ?? []}
          onClose={() => setWhy(undefined)}
        />
      )}
      <p class="said" role="status" aria-live="polite">
        {said}
      </p>
    </main>
  )
}

/** The kinds of parts that the quality distinguishes, if there is more than one. */
function hasSums(page: VersionPage | undefined, live: string | undefined): boolean {
  return (
    page?.versions.some(({ version, sums }) => version === live && sums?.digest !== undefined) ===
    true
  )
}

function kindsOf({ slices = [], sources = [] }: Partial<Quality> = {}) {
  return [
    ...(slices.length > 0 ? (['slice'] as const) : []),
    ...(sources.length > 1 ? (['source'] as const) : []),
  ]
}

/** Counts while an update is made: its steps are no samples. */
function useSeconds(isRunning: boolean): number {
  const [second, setSecond] = useState(0)
  useEffect(() => {
    if (!isRunning) return undefined
    const timer = setInterval(() => setSecond((before) => before + 1), 1000)
    return () => {
      clearInterval(timer)
    }
  }, [isRunning])
  return second
}

/** A message about what has just happened, shown for a while. */
function useSaid() {
  const [said, say] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => say(''), SAID_MS)
    return () => {
      clearTimeout(timer)
    }
  }, [said])
  return [said, say] as const
}

function useAddress(): { readonly chosen: string; readonly round: number } {
  const [chosen, setChosen] = useState(chosenNow)
  const [round, setRound] = useState(0)
  useEffect(() => {
    const onHash = () => setChosen(chosenNow())
    const timer = setInterval(() => setRound((before) => before + 1), ROUND_MS)
    addEventListener('hashchange', onHash)
    return () => {
      clearInterval(timer)
      removeEventListener('hashchange', onHash)
    }
  }, [])
  return { chosen, round }
}

function chosenNow(): string {
  return decodeURIComponent(location.hash.slice(1))
}

function useSamples(name: string) {
  const [samples, setSamples] = useState<readonly Sample[]>([])
  const [lost, setLost] = useState<unknown>()
  useEffect(() => {
    const over = new AbortController()
    const onSamples = (more: readonly Sample[]) =>
      setSamples((before) => bounded([...before, ...more]))
    void follow(name, { onSamples, onState: setLost }, over.signal)
    return () => {
      over.abort()
    }
  }, [name])
  return { samples, lost }
}

function bounded(samples: readonly Sample[]): readonly Sample[] {
  if (samples.length <= MOST_SAMPLES) return samples
  return samples.filter((_sample, at) => at >= MOST_SAMPLES / 2 || at % 2 === 0)
}

/** A person's move is said aloud; those of the trainer come every few seconds. */
function useAnnounced(move: PastMove | undefined, say: (text: string) => void): void {
  const [seen, setSeen] = useState<number | undefined>()
  useEffect(() => {
    if (move === undefined || move.generation === seen) return
    if (seen !== undefined && move.by !== 'trainer') {
      const isMove = move.by === 'rollback' || move.by === 'promote'
      say(`${isMove ? `${move.version} answers now: ` : ''}${move.by}: ${move.reason}`)
    }
    setSeen(move.generation)
  }, [move, seen, say])
}

function TokenForm({ onToken }: { readonly onToken: () => void }) {
  const [value, setValue] = useState('')
  const onSubmit = useCallback(
    (event: Event) => {
      event.preventDefault()
      setToken(value.trim())
      onToken()
    },
    [value, onToken],
  )
  return (
    <main class="narrow">
      <h1>Antikythera</h1>
      <form onSubmit={onSubmit}>
        <p>{token() === '' ? 'This daemon wants a key.' : 'The daemon does not know this key.'}</p>
        <label class="field">
          Key
          <input
            type="password"
            autocomplete="off"
            value={value}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        </label>
        <p class="note">It is kept in this tab until you close it.</p>
        <button class="main">Use it</button>
      </form>
    </main>
  )
}

render(<App />, document.body)
