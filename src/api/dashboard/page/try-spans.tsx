/**
 * A box to try a model that answers with pieces of a text: they are coloured in it, and corrected by selecting others, with the mouse
 * in the coloured text or with the keys in the input. What is sent are all pieces as they then are.
 */
import { useRef, useState } from 'preact/hooks'
import type { Model, Prediction } from '../../../client/answers.ts'
import { share } from './format.tsx'
import { Answers, teach, TryBox, useTrial, type TryProps } from './try-box.tsx'

interface AskedText {
  readonly text: string
  readonly version: string
  readonly answer: Prediction
}

/** Characters, as the daemon counts them: Unicode code points. */
interface Piece {
  readonly start: number
  readonly end: number
  readonly label: string
  readonly score?: number
}

type Place = Pick<Piece, 'start' | 'end'>

export function TrySpans(props: TryProps) {
  const { model } = props
  const [input, setInput] = useState('')
  const [place, setPlace] = useState<Place | undefined>()
  const trial = useTrial<string>(props)
  const { answered, say } = trial
  const [answer] = answered?.predictions ?? []
  const ask = async (text: string) => {
    setPlace(undefined)
    await trial.ask(text)
  }
  return (
    <TryBox
      trial={trial}
      onAsk={() => void ask(input)}
      fields={
        <>
          <label class="field">
            Input
            <textarea
              dir="auto"
              required
              rows={3}
              placeholder="what a lovely phone"
              value={input}
              onInput={(event) => setInput(event.currentTarget.value)}
              onSelect={({ currentTarget: { value, selectionStart, selectionEnd } }) => {
                if (value === answered?.input)
                  setPlace(placeIn(value, selectionStart, selectionEnd))
              }}
            />
          </label>
          <button>Predict</button>
        </>
      }
    >
      {answered !== undefined && answer !== undefined && (
        <Pieces
          key={answer.id}
          {...{ model, place, asked: { text: answered.input, version: answered.version, answer } }}
          onSelected={setPlace}
          onSaid={say}
          onLearned={() => void ask(answered.input)}
        />
      )}
    </TryBox>
  )
}

interface PiecesProps {
  readonly model: Model
  readonly asked: AskedText
  /** The selected piece. */
  readonly place: Place | undefined
  readonly onSelected: (place: Place | undefined) => void
  readonly onSaid: (text: string) => void
  readonly onLearned: () => void
}

function Pieces({ model, asked, place, onSelected, onSaid, onLearned }: PiecesProps) {
  const { text, version, answer } = asked
  const labels = model.labels ?? []
  const [pieces, setPieces] = useState<readonly Piece[]>(answer.spans ?? [])
  const [label, setLabel] = useState(labels[0] ?? '')
  const shown = useRef<HTMLParagraphElement>(null)
  const characters = Array.from(text)
  const pieceOf = ({ start, end }: Place) => characters.slice(start, end).join('')
  const mark = () => {
    if (place === undefined || label.trim() === '') return
    const others = pieces.filter(({ start, end }) => end <= place.start || start >= place.end)
    const all = [...others, { ...place, label: label.trim() }]
    setPieces(all.toSorted((one, other) => one.start - other.start))
    onSelected(undefined)
  }
  const submit = async () => {
    const spans = pieces.map(({ start, end, label }) => ({ start, end, label }))
    if (await teach(model.model, { prediction_id: answer.id, spans }, onSaid)) onLearned()
  }
  return (
    <>
      <p
        id="answer"
        class="pieces"
        dir="auto"
        aria-live="polite"
        ref={shown}
        onPointerUp={() => onSelected(selectedIn(shown.current, text) ?? place)}
      >
        {partsOf(characters, pieces).map(({ start, text: part, piece }) =>
          piece === undefined ? (
            part
          ) : (
            <mark key={start} class={`tone${toneOf(piece.label, labels)}`} data-name={piece.label}>
              {part}
            </mark>
          ),
        )}
      </p>
      <p>
        <small>by {version}</small>
        {answer.message !== undefined && <small> · {answer.message}</small>}
      </p>
      <ul class="plain" aria-label="Pieces">
        {pieces.map((piece) => (
          <li key={piece.start}>
            {piece.label}: {pieceOf(piece)}{' '}
            {piece.score !== undefined && <small>{share(piece.score)}</small>}{' '}
            <button
              type="button"
              aria-label={`Remove ${piece.label}: ${pieceOf(piece)}`}
              onClick={() => setPieces(pieces.filter((each) => each !== piece))}
            >
              Remove
            </button>
          </li>
        ))}
      </ul>
      <form
        class="inline"
        onSubmit={(event) => {
          event.preventDefault()
          mark()
        }}
      >
        <label class="field">
          Label
          <input
            required
            list="answers"
            value={label}
            onInput={(event) => setLabel(event.currentTarget.value)}
          />
        </label>
        <Answers labels={labels} />
        <button disabled={place === undefined}>
          {place === undefined ? 'Select a piece of the text' : `Mark “${pieceOf(place)}”`}
        </button>
        <button type="button" onClick={() => void submit()}>
          Teach
        </button>
      </form>
    </>
  )
}

/** The text in parts, those of the pieces among them. */
function partsOf(characters: readonly string[], pieces: readonly Piece[]) {
  const parts: { readonly start: number; readonly text: string; readonly piece?: Piece }[] = []
  let at = 0
  for (const piece of pieces) {
    parts.push({ start: at, text: characters.slice(at, piece.start).join('') })
    const { start, end } = piece
    parts.push({ start, text: characters.slice(start, end).join(''), piece })
    at = end
  }
  return [...parts, { start: at, text: characters.slice(at).join(''), piece: undefined }]
}

const TONES = 6

function toneOf(label: string, labels: readonly string[]): number {
  return Math.max(0, labels.indexOf(label)) % TONES
}

/** UTF-16 units, as the browser counts, to characters, without the blanks around them; undefined if nothing is left. */
function placeIn(text: string, from: number, to: number): Place | undefined {
  const piece = text.slice(from, to)
  const first = from + piece.length - piece.trimStart().length
  const last = to - (piece.length - piece.trimEnd().length)
  if (first >= last) return undefined
  const count = (until: number) => Array.from(text.slice(0, until)).length
  return { start: count(first), end: count(last) }
}

/** What is selected in the coloured text, whose text nodes together are the text. */
function selectedIn(element: HTMLElement | null, text: string): Place | undefined {
  const selection = getSelection()
  if (element === null || selection === null || selection.rangeCount === 0) return undefined
  const range = selection.getRangeAt(0)
  if (!element.contains(range.startContainer) || !element.contains(range.endContainer))
    return undefined
  const before = document.createRange()
  before.selectNodeContents(element)
  before.setEnd(range.startContainer, range.startOffset)
  const from = before.toString().length
  return placeIn(text, from, from + range.toString().length)
}
