/** What went wrong with the last thing that a person asked for. */
import { useEffect, useState } from 'preact/hooks'

/** Announced to screen readers; '' = nothing. */
export function Fault({ message }: { readonly message: string }) {
  if (message === '') return null
  return (
    <p class="bad" role="alert">
      {message}
    </p>
  )
}

/** A message that is cleared when the connection to the daemon, `lost` while it is interrupted, is back. */
export function useFault(lost: unknown) {
  const [fault, setFault] = useState('')
  const isConnected = lost === undefined
  useEffect(() => {
    if (isConnected) setFault('')
  }, [isConnected])
  return [fault, setFault] as const
}
