const decimal = /^\d{1,9}(?:\.\d{1,4})?$/

/** Whether a text that the user typed is an amount of rupees, not negative. */
export const isAmount = (text: string): boolean => decimal.test(text)
