"""What all tests share: Ctrl-C arrives, also where the tests run in the background of a shell."""

import signal

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell has its background commands ignore it, and they hand that on to all that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
