/** What an answer rests on: the learned examples that are nearest to its input, asked for with a button, because it takes the trainer's time. */
import { useState } from 'preact/hooks'
import type { Because, Predictions } from '../../../client/answers.ts'
import { modelPath, send, textOf } from './client.tsx'
import { Fault } from './elements.tsx'

const COUNT = 5

interface RestsOnProps {
  readonly model: string
  readonly input: unknown
  /** That has answered. */
  readonly version: string | undefined
}

export function RestsOn({ model, input, version }: RestsOnProps) {
  const [examples, setExamples] = useState<readonly Because[] | undefined>()
  const [fault, setFault] = useState('')
  const ask = async () => {
    try {
      const body = { inputs: [input], because: COUNT, ...(version !== undefined && { version }) }
      const answer = await send<Predictions>('POST', modelPath(model, '/predict'), body)
      setExamples(answer.predictions[0]?.because ?? [])
      setFault('')
    } catch (error) {
      setFault(textOf(error))
    }
  }
  return (
    <>
      <div class="buttons left">
        <button type="button" onClick={() => void ask()}>
          What this rests on
        </button>
      </div>
      <Fault message={fault} />
      {examples?.length === 0 && <p class="note">This version has learned nothing.</p>}
      <ul class="plain" id="because">
        {examples?.map((example) => (
          <li key={`${example.source} ${example.id}`}>
            {example.similarity.toFixed(2)} {taughtBy(example)}{' '}
            <small>
              {example.source} {example.id}
            </small>
          </li>
        ))}
      </ul>
    </>
  )
}

function taughtBy({ target }: Because): string {
  return Object.values(target)
    .map((value) => (typeof value === 'string' ? value : JSON.stringify(value)))
    .join(', ')
}
