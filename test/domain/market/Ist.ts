/** UTC milliseconds of a time of India, such as "2026-07-28T09:15:00". */
export const ist = (text: string): number => Date.parse(`${text}+05:30`)
