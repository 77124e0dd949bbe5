"""The dpc command itself: signals, warnings and errors of the system, mapped for the user."""

import errno
import os
import signal
import types
import warnings

import pytest

import dpc.cli.convert as command
from dpc.cli.main import main


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs `dpc convert` with a body of ours: the exit code and what it said."""

    def run(body):
        monkeypatch.setattr(command, "run", body)
        code = main(["convert", "in.pt", "out.pt"])
        return code, capsys.readouterr().err

    return run


def raising(error):
    def body(args):
        raise error

    return body


def test_errors_of_the_system_are_no_bugs(run):
    full = OSError(errno.ENOSPC, "No space left on device")
    assert run(raising(full)) == (1, "dpc convert: No space left on device\n")
    denied = PermissionError(errno.EACCES, "Permission denied", "model.pt")
    assert run(raising(denied)) == (1, "dpc convert: model.pt: Permission denied\n")


def test_a_bug_says_so(run):
    code, said = run(raising(ZeroDivisionError()))
    assert code == 70 and "Traceback" in said and "this is a bug in dpc" in said


def test_a_warning_is_a_sentence(run):
    def body(args):
        warnings.warn("2 pairs are too close", RuntimeWarning, stacklevel=1)
        return 0

    assert run(body) == (0, "dpc convert: warning: 2 pairs are too close\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_unwind(run, number):
    """A batch system's SIGTERM cleans up as Ctrl-C does."""
    seen = types.SimpleNamespace(cleaned=False)

    def body(args):
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        finally:
            seen.cleaned = True

    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip(
            "whoever started the tests had the signal ignored: nohup, a job in the background"
        )
    before = signal.getsignal(number)
    code, said = run(body)
    assert code == 128 + number and seen.cleaned
    assert "interrupted; nothing was left half-written" in said and "Traceback" not in said
    assert signal.getsignal(number) == before
