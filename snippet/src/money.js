// Amounts: whole minor units, never floats. Exponents after ISO 4217 (Intl follows another table: IQD).
// The codes stand without separators; no code arises across two neighbours (a test looks).

/** Minor units of a whole number (already minor) or a decimal text ("19.99"); all else comes back as no whole number. */
export const minorUnits = (amount, currency) => {
  if (!(/^\d+(\.\d+)?$/.test(amount) && amount.padEnd)) return amount;
  const places = 'BIFCLPDJFGNFISKJPYKMFKRWPYGRWFUGXUYIVNDVUVXAFXOFXPF'.includes(currency) ? 0
    : 'BHDIQDJODKWDLYDOMRTND'.includes(currency) ? 3 : 'CLFUYW'.includes(currency) ? 4 : 2;
  const [whole, fraction = ''] = amount.split('.');
  if (!fraction[places]) return +(whole + fraction.padEnd(places, 0));
};
