/** The one rule of what a text shows, for what is learned, asked and read by a base alike. */

/** Spaces, controls, format marks, fillers and halves of surrogate pairs show nothing on a screen. */
const VISIBLE = /[^\p{White_Space}\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}]/u

/** Whether there is at least one character that a person would see. */
export function isVisible(text: string): boolean {
  return VISIBLE.test(text)
}

/** Half of a surrogate pair is no character: it becomes U+FFFD, as an UTF-8 encoder would write it. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Cs}/gu, '\uFFFD')
}
