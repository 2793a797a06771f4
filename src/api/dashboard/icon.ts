/** A gear, for the tab of the browser. */
export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<circle cx="16" cy="16" r="10" fill="none" stroke="#2f7d6d" stroke-width="5"/>
<circle cx="16" cy="16" r="13.5" fill="none" stroke="#2f7d6d" stroke-width="4" stroke-dasharray="5.3 5.3"/>
</svg>
`
