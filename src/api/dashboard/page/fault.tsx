/** What went wrong with the last thing that a person asked for, announced to screen readers; '' = nothing. */
export function Fault({ message }: { readonly message: string }) {
  if (message === '') return null
  return (
    <p class="bad" role="alert">
      {message}
    </p>
  )
}
