// Which key was meant. What it types comes first, so own keys and every Latin layout hold as they
// are. Where that is nobody's key, its place on the keyboard speaks: the top row of AZERTY types
// signs, Cyrillic, Greek and Persian keyboards type letters and digits of their own.

// A name such as "End", not something typed; "Process" is a press that an input method took.
const isName = (key) => /^[A-Za-z0-9]{2,}$/.test(key) && key !== "Process";
// A keyboard with these letters may have its "O" anywhere: what it types is what was meant.
const isLatin = (key) => /^[\x20-\x7e\p{Script=Latin}]$/u.test(key);

function placeOf(event) {
  const { code, key, shiftKey } = event;
  if (isName(key) || event.getModifierState("AltGraph")) return null;
  const [, digit, letter] = /^(?:(?:Digit|Numpad)(\d)|Key([A-Z]))$/.exec(code) ?? [];
  if (digit) return shiftKey ? null : digit; // where Shift is needed for digits, it types them
  if (isLatin(key)) return null;
  return letter?.toLowerCase() ?? (code === "Slash" && shiftKey ? "?" : null);
}

// The keys that a press may mean, the likeliest first.
export function keysOf(event) {
  const typed = event.key.toLowerCase();
  const narrow = /^[！-～]$/.test(typed) ? typed.normalize("NFKC") : null; // "６" is a "6"
  return [typed, narrow, placeOf(event)].filter(Boolean);
}
