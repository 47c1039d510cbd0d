"""Text from data, names and strangers' files, made safe to print.

Before this   anything a person did not write.
After this    every print of the command line.
"""

from __future__ import annotations

# They turn the order of what follows them.
_TURNING = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}


def printable(text: str) -> str:
    """Text that cannot drive the terminal: control characters but newlines and tabs, and marks that turn the order of the
    letters, are shown and not sent."""
    return "".join(
        letter if letter in "\n\t" or not _drives(ord(letter)) else ascii(letter)[1:-1]
        for letter in text.replace("\r", "")  # of texts from Windows; in a stream it comes without its \n
    )


def _drives(code: int) -> bool:
    return code < 32 or 127 <= code < 160 or code in _TURNING
