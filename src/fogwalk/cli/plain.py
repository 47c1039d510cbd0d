"""Text from data, names and strangers' files, made safe to print.

Before this   anything a person did not write.
After this    every print of the command line.
"""

from __future__ import annotations


def printable(text: str) -> str:
    """Text that cannot drive the terminal: control characters but newlines and tabs are shown, not sent."""
    return "".join(
        letter if letter in "\n\t" or not (ord(letter) < 32 or 127 <= ord(letter) < 160) else f"\\x{ord(letter):02x}"
        for letter in text.replace("\r", "")  # of texts from Windows; in a stream it comes without its \n
    )
