#!/usr/bin/env python3
"""Writes src/Weir.Retrieval/Unicode/normalization.txt from the Unicode character database that Python carries.

    python3 eng/unicode/normalization.py > src/Weir.Retrieval/Unicode/normalization.txt

One fact a line, code points in hexadecimal:
  C <code point> <canonical combining class, decimal>
  D <code point> <its full canonical decomposition>
  K <code point> <its full compatibility decomposition, where that is another>
  P <first> <second> <the code point that both compose to>
Hangul syllables are left out: they follow from arithmetic (The Unicode Standard, 3.12).
"""
import sys
import unicodedata as u

out = sys.stdout.write
out(f"# Unicode {u.unidata_version}\n")
for point in range(0x110000):
    if 0xD800 <= point <= 0xDFFF or 0xAC00 <= point <= 0xD7A3:
        continue
    char = chr(point)
    if u.combining(char):
        out(f"C {point:X} {u.combining(char)}\n")
    canonical, compatible = u.normalize("NFD", char), u.normalize("NFKD", char)
    if canonical != char:
        out(f"D {point:X} {' '.join(f'{ord(c):X}' for c in canonical)}\n")
    if compatible != canonical:
        out(f"K {point:X} {' '.join(f'{ord(c):X}' for c in compatible)}\n")
    mapping = u.decomposition(char).split()
    # What normalisation does not give back is excluded from composition.
    if len(mapping) == 2 and not mapping[0].startswith("<") and u.normalize("NFC", char) == char:
        out(f"P {mapping[0]} {mapping[1]} {point:X}\n")
